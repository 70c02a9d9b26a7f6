"""Print the documents that are drawn from the core's own tables: `lifecycle.py [diagram|permissions]`.

`python scripts/lifecycle.py --write` puts both into docs/lifecycle.md and README.md between their markers;
a test holds that they are the newest.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from domain.labels import COMMANDS, STAGES  # noqa: E402
from domain.permissions import PERMISSIONS, who_may  # noqa: E402
from domain.transitions import AFTER_END, ALLOWED_IN, TRANSITIONS  # noqa: E402


def diagram() -> str:
    """The stages as a Mermaid state diagram; what leads out of every open stage leaves their common frame."""
    ends = ("closed", "withdrawn", "merged")
    lines = ["```mermaid", "stateDiagram-v2", '    state "未结束" as under_way {']
    lines += [f'        state "{STAGES[s]}" as {s}' for s in STAGES if s != "none" and s not in ends]
    for command, sources, target in TRANSITIONS:
        if target not in ends:
            lines += [f"        {arrow}" for source in sources for arrow in _arrows(command, source, target)]
    lines.append("    }")
    lines += [f'    state "{STAGES[end]}" as {end}' for end in ends]
    for command, sources, target in TRANSITIONS:
        if target in ends:
            source = sources[0] if len(sources) == 1 else "under_way"
            lines.append(f"    {source} --> {target}: {COMMANDS[command]}")
    return "\n".join([*lines, "```"])


def _arrows(command: str, source: str, target: str) -> list[str]:
    label = COMMANDS[command]
    if target == "…":
        return [f"{source} --> {s}: {label}（原承办方）" for s in ALLOWED_IN["dispute_jurisdiction"]]
    if (command, target) == ("rule_jurisdiction", "notified"):
        label += "（新承办方）"
    return [f"{'[*]' if source == 'none' else source} --> {target}: {label}"]


def permissions() -> str:
    """Who may do what, and where, as a Markdown table."""
    lines = ["| 命令 | 谁 | 在哪些阶段 |", "|---|---|---|"]
    for name in PERMISSIONS:
        stages = ALLOWED_IN.get(name)
        where = "、".join(STAGES[s] for s in stages) if stages else "未结束的任何阶段"
        if name in AFTER_END:
            where = "任何阶段，结束后也可以"
        if name == "report":
            where = "登记时"
        lines.append(f"| `{name}` {COMMANDS[name]} | {who_may(name)} | {where} |")
    return "\n".join(lines)


PARTS = {"diagram": diagram, "permissions": permissions}


def filled(text: str) -> str:
    """`text` with every `<!-- drawn:NAME -->` … `<!-- /drawn -->` part drawn anew."""
    for name, draw in PARTS.items():
        pattern = rf"(<!-- drawn:{name} -->\n).*?(\n<!-- /drawn -->)"
        text = re.sub(pattern, lambda m, d=draw: f"{m[1]}{d()}{m[2]}", text, flags=re.S)
    return text


def main() -> None:
    if "--write" in sys.argv:
        for name in ("README.md", "docs/lifecycle.md"):
            path = ROOT / name
            if path.exists():
                path.write_text(filled(path.read_text(encoding="utf-8")), encoding="utf-8")
        return
    wanted = sys.argv[1] if len(sys.argv) > 1 else "diagram"
    print(PARTS[wanted]())


if __name__ == "__main__":
    main()
