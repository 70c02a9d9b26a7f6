"""The file of channels: what is wrong is shown where it stands, with the nearest right word."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from notices.config import Channels, load_channels, read_channels
from notices.outcome import clean
from runtime.rules import load_rules
from tests.notices.ground import channels_of

ROOT = Path(__file__).resolve().parents[2]
EXAMPLE = ROOT / "deploy" / "channels.example.yaml"
GOOD = """\
channels:
  w: {kind: wecom, key: k}
  m:
    kind: mail
    host: mail.example.org
    from: a@example.org
    to: [b@example.org]
  d: {kind: wecom, key: d}
routes:
  - agency: 310118.eco
    usual: [w, m]
    drill: [d]
"""


def problems(folder: Path, text: str) -> list[str]:
    path = folder / "c.yaml"
    path.write_text(text, encoding="utf-8")
    return [str(p) for p in read_channels(path, load_rules(), {"SET": "x"})[1]]


def test_a_good_file_has_no_problem(tmp_path: Path) -> None:
    assert problems(tmp_path, GOOD) == []


def test_the_example_is_a_good_file() -> None:
    names = set(re.findall(r"\$\{(\w+)\}", EXAMPLE.read_text(encoding="utf-8"))) - {"变量名"}
    channels = load_channels(EXAMPLE, load_rules(), dict.fromkeys(names, "value"))
    assert channels.route("310118.eco").usual == ("qp-wecom", "qp-mail")


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("kind: mail", "kind: mial", r"c.yaml:4 channels.m.kind：“mial”.*是不是“mail”"),
        ("    host:", "    hots:", r"c.yaml:5 channels.m.hots：不认识“hots”，是不是“host”"),
        ("    host: mail.example.org\n", "", r"c.yaml:3 channels.m：邮件渠道缺少“host”"),
        (
            "{kind: wecom, key: k}",
            "{kind: wecom, key: k, token: t}",
            r"c.yaml:2 channels.w.token：.*用不着“token”",
        ),
        ("key: k}", "key: '${UNSET}'}", r"c.yaml:2 channels.w.key：环境变量 UNSET 没有设置"),
        ("[b@example.org]", "[nobody]", r"c.yaml:7 channels.m.to\[0\]：不是邮件地址"),
        (
            "310118.eco",
            "310118.ecoo",
            r"c.yaml:10 routes\[0\].agency：没有机构“310118.ecoo”，是不是“310118.eco”",
        ),
        ("310118.eco", "999999.eco", r"c.yaml:10 routes\[0\].agency：没有机构“999999.eco”"),
        ("[w, m]", "[w, mm]", r"c.yaml:11 routes\[0\].usual\[1\]：没有渠道“mm”"),
        ("[w, m]", "[w, w]", r"“w”写了两次"),
        ("drill: [d]", "drill: [w]", r"c.yaml:12 routes\[0\].drill：“w”不能既是演练渠道又是平时的渠道"),
        (
            "drill: [d]",
            "wait: [escalation]",
            r"c.yaml:12 routes\[0\].wait\[0\]：“escalation”（催办）从不等待",
        ),
        ("drill: [d]", "wait: [remindr]", r"没有通知种类“remindr”，是不是“reminder”"),
        ("drill: [d]", "digest: ['25:00']", r"c.yaml:12 routes\[0\].digest\[0\]：“25:00”格式不对"),
        ("drill: [d]", "digest: [14:30]", r"c.yaml:12 routes\[0\].digest\[0\]：870 应为文字，请加引号"),
        ("drill: [d]", "quiet: {from: '22:00', to: '22:00'}", r"起止相同"),
        ("drill: [d]", "roster: [{from: 2026-10-08, to: 2026-10-01, channels: [d]}]", r"止日早于起日"),
        ("drill: [d]", "region: '31'", r"写了“agency”就不要再写"),
        ("agency: 310118.eco", "department: ec", r"没有部门“ec”，是不是“eco”"),
        ("    drill: [d]", "    drill: [d]\n  - agency: 310118.eco", r"c.yaml:13 routes\[1\]：.*同一范围"),
        ("channels:", "channels: [", r"不是合法的 YAML"),
    ],
)
def test_what_is_wrong_is_shown_where_it_stands(tmp_path: Path, old: str, new: str, said: str) -> None:
    assert old in GOOD
    found = problems(tmp_path, GOOD.replace(old, new, 1))
    assert any(re.search(said, line) for line in found), found


def test_a_missing_file_is_a_problem(tmp_path: Path) -> None:
    channels, found = read_channels(tmp_path / "none.yaml", load_rules())
    assert channels is None
    assert "文件不存在" in str(found[0])


def test_parts_of_an_address_and_of_a_header_are_secret_too(tmp_path: Path) -> None:
    url = "https://robot:pass-word@example.org/hooks/T0123456789abcdef/in?token=hush-hush&v=2"
    hook = {"kind": "webhook", "url": url, "headers": {"Authorization": "Bearer of-the-ring"}}
    channel = channels_of(tmp_path, {"channels": {"a": hook}}).channels["a"]
    said = "no robot pass-word, no T0123456789abcdef, no hush-hush v 2, no of-the-ring in hooks"
    assert clean(said, channel.secrets) == "no robot ***, no ***, no *** v 2, no *** in hooks"


def test_variables_are_filled_in_and_kept_secret(tmp_path: Path) -> None:
    path = tmp_path / "c.yaml"
    path.write_text(GOOD.replace("key: k}", "key: 'a-${SECRET}'}"), encoding="utf-8")
    channel = load_channels(path, load_rules(), {"SECRET": "hush"}).channels["w"]
    assert channel.options["key"] == "a-hush"
    assert {"hush", "a-hush"} <= set(channel.secrets)
    assert "hush" not in repr(channel)


DEFAULTS = """\
channels:
  a: {kind: wecom, key: k}
  b: {kind: wecom, key: k}
  c: {kind: wecom, key: k}
  d: {kind: wecom, key: k}
routes:
  - {department: eco, usual: [a], drill: [d]}
  - {region: "31", usual: [b]}
  - {region: "310118", department: eco, wait: [idle]}
  - {agency: 310118.eco, head: [c]}
"""


@pytest.fixture
def defaults(tmp_path: Path) -> Channels:
    path = tmp_path / "c.yaml"
    path.write_text(DEFAULTS, encoding="utf-8")
    return load_channels(path, load_rules())


def test_each_thing_comes_from_the_nearest_that_says_it(defaults: Channels) -> None:
    found = defaults.route("310118.eco")
    assert (found.usual, found.head, found.drill, found.wait) == (("b",), ("c",), ("d",), {"idle"})
    assert defaults.route("320583.eco").usual == ("a",)
    assert defaults.route("320583.urban").usual == ()
    assert defaults.route("group.qwj").usual == ()
