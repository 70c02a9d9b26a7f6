"""Makes the environment that everything runs in: ``python3 scripts/bootstrap.py [--browser]``.

Standard library only, and old syntax on purpose: an old Python gets as far as the sentence that tells what to
do. It makes .venv, installs the pinned uv into it and lets uv install what uv.lock names, every file checked by
its hash. A stamp of all that lets the next run end at once. ``--browser`` also sees to a Chromium with Chinese
fonts, which the tests of the pages need.
"""

import argparse
import errno
import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
UV = VENV / "bin" / "uv"
STAMP = VENV / "clueflow.stamp"
LOCK = ROOT / "uv.lock"
UV_PIN = ROOT / "scripts" / "uv-requirements.txt"

MINIMUM = (3, 11)
NAMES = ("python3.14", "python3.13", "python3.12", "python3.11", "python3", "python")
NEEDED_MB = 1500  # .venv with the tools of the tests, and room to unpack
CHROMIUM_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
DEBIAN_BROWSER = ("chromium",)
DEBIAN_FONTS = ("fonts-noto-cjk", "fontconfig")


class Trouble(Exception):
    """What the person at the terminal is told, in Chinese and English."""


def say(chinese, english):
    print("▸ " + chinese + " / " + english, file=sys.stderr, flush=True)


def run(command, **options):
    """Runs a command with its output shown. Raises CalledProcessError."""
    subprocess.run([str(part) for part in command], check=True, **options)


def main():
    """Makes what is missing; the exit code is 1 when something could not be made."""
    arguments = argparse.ArgumentParser(description="make the environment")
    arguments.add_argument("--browser", action="store_true", help="also a Chromium with Chinese fonts")
    wanted = arguments.parse_args()
    try:
        make_environment()
        if wanted.browser:
            make_fonts()
            make_browser()
    except Trouble as trouble:
        print("✗ " + str(trouble), file=sys.stderr)
        return 1
    except OSError as err:
        if err.errno != errno.ENOSPC:
            raise
        print("✗ 磁盘已满 / the disk is full: " + str(err), file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


def make_environment():
    """Makes .venv as uv.lock says, unless the stamp shows that it stands already."""
    digest = stamp()
    if STAMP.exists() and STAMP.read_text() == digest and PYTHON.exists():
        return
    free_mb = shutil.disk_usage(str(ROOT)).free // (1024 * 1024)
    if free_mb < NEEDED_MB and not VENV.exists():
        raise Trouble(
            f"磁盘空间不足：只剩 {free_mb} MB，建环境约需 {NEEDED_MB} MB"
            f" / only {free_mb} MB of disk left, about {NEEDED_MB} MB needed"
        )
    make_venv()
    say("安装依赖（首次约一两分钟）", "installing the dependencies (a minute or two the first time)")
    try:
        install()
    except subprocess.CalledProcessError as err:
        raise Trouble(
            "依赖没有装成（原因见上）：请检查网络；国内可设 PIP_INDEX_URL 指向镜像后重试"
            " / the dependencies could not be installed (see above): check the network, or set PIP_INDEX_URL"
        ) from err
    STAMP.write_text(digest)
    say("环境就绪", "the environment is ready")


def stamp():
    """A digest of everything that decides what .venv holds; its scripts name the folder they lie in."""
    digest = hashlib.sha256(os.fsencode(str(ROOT)))
    for path in (LOCK, UV_PIN, Path(__file__)):
        digest.update(path.read_bytes())
    return digest.hexdigest()


def make_venv():
    """Makes .venv with the pinned uv in it, by whatever this machine has for it."""
    if PYTHON.exists() and probe(str(PYTHON)) and has_uv(UV) and not moved():
        return
    pythons = [python for python in candidates() if probe(python)]
    if not pythons:
        raise Trouble(
            f"需要 Python 3.11 或更高版本，这台机器上没有找到（现在运行的是 {sys.version.split()[0]}）"
            f" / Python 3.11 or later is needed; this is {sys.version.split()[0]}, and none was found"
        )
    say("建立 Python 环境 .venv", "making the Python environment .venv")
    for make in (by_venv, by_pip_target, by_uv_on_path, by_debian):
        for python in pythons:
            if make(python):
                return
    raise Trouble(
        "这台机器的 Python 缺少 venv 与 pip：请安装后重试，Debian/Ubuntu 上是 sudo apt install python3-venv"
        " / this Python has neither venv nor pip: install them (Debian/Ubuntu: sudo apt install python3-venv)"
    )


def moved():
    """Whether .venv was made under another path: its scripts would start the Python that was there."""
    script = VENV / "bin" / "pip"
    return script.exists() and os.fsencode(str(VENV)) not in script.read_bytes()[:4096]


def candidates():
    """Pythons to try, the one that runs this first."""
    found = [os.environ.get("CLUEFLOW_PYTHON"), sys.executable] + [shutil.which(name) for name in NAMES]
    return list(dict.fromkeys(path for path in found if path))


def probe(python):
    """Whether this Python runs and is new enough. (pyenv's shims may do neither.)"""
    test = f"import sys; sys.exit(sys.version_info < {MINIMUM!r})"
    return succeeds([python, "-c", test])


def succeeds(command):
    try:
        done = subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
    except OSError:
        return False
    return done.returncode == 0


def by_venv(python):
    """The usual way: the venv module and its pip."""
    if not succeeds([python, "-c", "import venv, ensurepip"]):
        return False
    if not succeeds([python, "-m", "venv", "--clear", str(VENV)]):
        return False
    return pip_uv([str(PYTHON), "-m", "pip", "install"]) and has_uv(UV)


def by_pip_target(python):
    """pip without venv (Debian's python3-pip alone): uv beside, which then makes .venv itself."""
    if not succeeds([python, "-m", "pip", "--version"]):
        return False
    beside = ROOT / "build" / "uv"
    if not pip_uv([python, "-m", "pip", "install", "--upgrade", "--target", str(beside)]):
        return False
    return by_uv(beside / "bin" / "uv", python)


def by_uv_on_path(python):
    """A uv that somebody has installed already."""
    found = shutil.which("uv")
    return found is not None and by_uv(Path(found), python)


def by_debian(python):
    """As root on Debian or Ubuntu: its own package for the venv module."""
    return python == "/usr/bin/python3" and apt("python3-venv") and by_venv(python)


def by_uv(uv, python):
    if not succeeds([str(uv), "venv", "--clear", "--seed", "--python", python, str(VENV)]):
        return False
    return pip_uv([str(uv), "pip", "install", "--python", str(PYTHON)]) and has_uv(UV)


def pip_uv(installer):
    """Installs the pinned uv with an installer's command, its output shown when it fails."""
    command = [*installer, "--require-hashes", "-r", str(UV_PIN)]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    if done.returncode:
        sys.stderr.write(done.stdout.decode(errors="replace"))
    return done.returncode == 0


def has_uv(uv):
    return succeeds([str(uv), "--version"])


def install():
    """What uv.lock names, into .venv. An index of one's own is asked for the same files, by hash."""
    index = (
        os.environ.get("UV_DEFAULT_INDEX")
        or os.environ.get("UV_INDEX_URL")
        or os.environ.get("PIP_INDEX_URL")
    )
    environ = {**os.environ, "UV_PYTHON_DOWNLOADS": "never", "UV_PROJECT_ENVIRONMENT": str(VENV)}
    environ.setdefault("UV_HTTP_TIMEOUT", "180")
    environ.pop("VIRTUAL_ENV", None)
    if not index:
        # inexact: uv itself and pip live in the same environment
        run([UV, "sync", "--frozen", "--inexact", "--python", PYTHON], cwd=str(ROOT), env=environ)
        return
    wanted = ROOT / "build" / "requirements.txt"
    wanted.parent.mkdir(exist_ok=True)
    run([UV, "export", "--frozen", "--quiet", "-o", wanted], cwd=str(ROOT), env=environ)
    by_hash = ["--require-hashes", "--index-url", index, "-r", wanted]
    run([UV, "pip", "install", "--python", PYTHON, *by_hash], cwd=str(ROOT), env=environ)


def make_fonts():
    """Chinese glyphs for screenshots; without them every page shows boxes."""
    if has_chinese_font() or (apt(*DEBIAN_FONTS) and has_chinese_font()):
        return
    raise Trouble(
        "没有中文字体：请安装一种（Debian/Ubuntu：sudo apt install fonts-noto-cjk fontconfig）"
        " / no Chinese font: install one (Debian/Ubuntu: sudo apt install fonts-noto-cjk fontconfig)"
    )


def has_chinese_font():
    if sys.platform == "darwin":
        return True
    try:
        listed = subprocess.run(["fc-list", ":lang=zh-cn", "file"], stdout=subprocess.PIPE, check=False)
    except OSError:
        return False
    return bool(listed.stdout.strip())


def make_browser():
    """A Chromium: the one given or on PATH, Debian's, or Playwright's own."""
    given = os.environ.get("CLUEFLOW_CHROMIUM")
    if given:
        if not succeeds([given, "--version"]):
            raise Trouble(f"CLUEFLOW_CHROMIUM={given} 不能运行 / CLUEFLOW_CHROMIUM={given} does not run")
        return
    if has_chromium() or (apt(*DEBIAN_BROWSER) and has_chromium()):
        return
    say("下载 Chromium", "downloading Chromium")
    if not succeeds([str(PYTHON), "-m", "playwright", "install", "chromium"]):
        raise Trouble(
            "没有 Chromium，也装不上：请安装它，或用 CLUEFLOW_CHROMIUM 指明路径"
            " / no Chromium, and none could be installed: install it or name it in CLUEFLOW_CHROMIUM"
        )


def has_chromium():
    return any(shutil.which(name) for name in CHROMIUM_NAMES)


def apt(*packages):
    """Installs Debian packages where we may; False where we may not or they are not to be had."""
    if sys.platform != "linux" or os.geteuid() != 0 or not shutil.which("apt-get"):
        return False
    say("安装 " + " ".join(packages), "installing them from Debian")
    environ = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    install_them = ["apt-get", "install", "-y", "-qq", "--no-install-recommends", *packages]
    for command in (install_them, ["apt-get", "update", "-qq"], install_them):
        done = subprocess.run(
            command, env=environ, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, check=False
        )
        if command is install_them and done.returncode == 0:
            return True
    sys.stderr.write(done.stderr.decode(errors="replace"))
    return False


if __name__ == "__main__":
    sys.exit(main())
