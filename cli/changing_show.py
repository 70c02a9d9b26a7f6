"""What `starter.py rules simulate`, `apply`, `undo` and `changes` print."""

from __future__ import annotations

import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import orjson
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from cli.output import console, emit_json, named, when
from cli.services import the_rules
from domain import labels
from domain.model import Json, iso
from domain.packs import Rulebook
from ledger.rule_changes import Change
from runtime.changing import Foreseen, Tally, told

SPOOL: Final = 8 * 1024 * 1024  # characters of an answer kept in memory
OUTCOMES: Final = {
    "done": "已变更",
    "unchanged": "本就是新规则",
    "ended": "已办结，不变更",
    "refused": "未能变更",
    "pending": "尚未轮到",
    "cancelled": "轮到之前已撤销",
}


class Listing:
    """The clues concerned, as a table's first rows or as the list in one JSON value; memory stays bounded."""

    def __init__(self, as_json: bool, limit: int) -> None:
        self._as_json, self._limit, self._rows, self._count = as_json, limit, 0, 0
        self._spool = tempfile.SpooledTemporaryFile(max_size=SPOOL, mode="w+", encoding="utf-8")  # noqa: SIM115  closed in __exit__
        self._table = Table()
        for head in ("线索", "义务机构", "义务", "原期限", "新期限", "移动", "说明"):
            self._table.add_column(head, overflow="fold")

    def __enter__(self) -> Listing:
        return self

    def __exit__(self, *_: object) -> None:
        self._spool.close()

    def add(self, seen: Foreseen) -> None:
        row = told(seen)
        if self._as_json:
            self._spool.write(("," if self._count else "") + orjson.dumps(row).decode())
        self._count += 1
        for line in _lines(row):
            self._rows += 1
            if self._rows <= self._limit:
                self._table.add_row(*line)

    def end(self, totals: Json) -> None:
        if self._as_json:
            self._spool.seek(0)
            sys.stdout.write(orjson.dumps(totals).decode()[:-1] + ',"changes":[')
            while chunk := self._spool.read(1 << 20):
                sys.stdout.write(chunk)
            sys.stdout.write("]}\n")
            return
        if self._rows:
            console().print(self._table)
        if self._rows > self._limit:
            console().print(f"[dim]另有 {self._rows - self._limit} 行，用 --limit 或 --json 看全部[/]")


def _lines(row: Json) -> Iterator[tuple[str, ...]]:
    rules = the_rules()
    for move in row["moves"]:
        marks = {"即告逾期": move["late"], "逾期撤销": move["taken_back"], "暂定": move["provisional"]}
        yield (
            row["clue_no"],
            rules.agency_name(move["obliged"]),
            labels.DUTIES[move["id"]],
            when(move["old_due_at"]),
            when(move["due_at"]),
            _by(move),
            "，".join(mark for mark, holds in marks.items() if holds),
        )
    for duty in row["kept"]:
        name = rules.agency_name(duty["obliged"])
        yield (row["clue_no"], name, labels.DUTIES[duty["id"]], "", "", "", "新规则没有规定，仍按原期限")
    if row["missing_packs"]:
        packs = "、".join(row["missing_packs"])
        yield (row["clue_no"], "", "", "", "", "", f"不能变更：新规则里没有 {packs}")


def _by(move: Json) -> str:
    if move["days"]:
        return f"{move['days']:+d} 日"
    if move["hours"]:
        return f"{move['hours']:+g} 小时"
    return "最迟期限变" if move["old_legal_due_at"] != move["legal_due_at"] else "—"


def show_tally(tally: Tally, new: Rulebook) -> None:
    out = console()
    if tally.by_duty:
        out.print(_counts("义务", {labels.DUTIES[k]: v for k, v in tally.by_duty.items()}))
        out.print(_counts("机构", {the_rules().agency_name(k): v for k, v in tally.by_agency.items()}))
    out.print(
        f"在办线索 {tally.clues} 条，受影响 {tally.concerned} 条：期限变动 {tally.moves} 项，"
        f"即告逾期 {tally.late} 项，逾期撤销 {tally.taken_back} 项",
        soft_wrap=True,
    )
    for count, said in (
        (tally.raised, "条线索的级别升高"),
        (tally.lowered, "条线索的级别降低"),
        (tally.kept, "项义务新规则没有规定，仍按原期限"),
        (tally.missing, "条线索适用的规则包不在新规则里，不能变更"),
    ):
        if count:
            out.print(f"{count} {said}")
    out.print(
        f"新规则版本 {new.version}，摘要 [bold]{tally.digest}[/]（rules apply --expect {tally.digest}）"
    )


def _counts(head: str, rows: dict[str, Counter[str]]) -> Table:
    table = Table()
    for column in (head, "变动", "即告逾期", "逾期撤销"):
        table.add_column(column, overflow="fold", justify="left" if column == head else "right")
    for key, counted in rows.items():
        table.add_row(key, *(str(counted[name]) for name in ("moves", "late", "taken_back")))
    return table


@contextmanager
def bar(as_json: bool, total: int) -> Iterator[Callable[[], None]]:
    if as_json or not sys.stderr.isatty():
        yield lambda: None
        return
    columns = (TextColumn("变更"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console(stderr=True), transient=True) as shown:
        task = shown.add_task("变更", total=total)
        yield lambda: shown.advance(task)


def head(change: Change) -> Json:
    return {
        "change_id": change.id,
        "made_at": iso(change.made_at),
        "actor": {"agency": change.actor.agency, "role": change.actor.role, "name": change.actor.name},
        "approver": change.approver,
        "reason": change.reason,
        "version": change.version,
        "undoes": change.undoes,
    }


def show_done(change: Change, counts: Counter[str], moved: Json, trouble: list[Json]) -> None:
    out = console()
    what = f"撤销变更 {change.undoes}，编号 {change.id}" if change.undoes else f"规则变更 {change.id}"
    out.print(
        f"[bold]{escape(what)}[/]，批准人 {escape(change.approver)}：{escape(change.reason)}", soft_wrap=True
    )
    for outcome, count in counts.items():
        out.print(f"  {OUTCOMES[outcome]} {count} 条")
    duties = "、".join(f"{labels.DUTIES[k]} {n}" for k, n in moved["by_duty"].items())
    late = f"，即告逾期 {moved['late']} 项" if moved["late"] else ""
    out.print(
        f"  期限变动 {moved['moves']} 项，涉及 {moved['clues']} 条线索{late}"
        + (f"（{duties}）" if duties else "")
    )
    for row in trouble:
        out.print(f"[red]✗[/] {row['clue_no']}：{escape(named(row['why'], the_rules()))}", soft_wrap=True)
    if counts["pending"]:
        out.print(f"[yellow]还有 {counts['pending']} 条没有做到，请用 --id {change.id} 接着做[/]")


def say_what_else(new: Rulebook, folder: Path) -> None:
    if the_rules().rulebook.version == new.version:
        return
    out = console()
    out.print("[yellow]新登记的线索仍用现行规则目录。[/]要让它们也用这套规则：", soft_wrap=True)
    out.print(
        f"  把 CLUEFLOW_RULES_DIR 设为 {folder.resolve()}（或用它替换 rules/），重启工作进程与网页；",
        soft_wrap=True,
    )
    out.print("  重启之前登记的线索，之后再执行一次 rules apply 即可（已换过的不会重做）。", soft_wrap=True)


def felt(move: Json) -> bool:
    old = move["old"]
    dates = (old["due_at"], old["legal_due_at"]) != (move["due_at"], move["legal_due_at"])
    return dates or move["late"]


def show_clues(rows: Sequence[Json], moved: Mapping[str, list[Json]]) -> None:
    """One change, clue by clue."""
    table = Table()
    for head in ("线索", "结果", "期限变动"):
        table.add_column(head, overflow="fold")
    for row in rows:
        said = [
            f"{labels.DUTIES[m['id']]}：{when(m['old']['due_at'])} → {when(m['due_at'])}"
            for m in moved.get(row["clue_no"], [])
            if felt(m)
        ]
        what = OUTCOMES[row["outcome"]] + (f"（{row['why']}）" if row["outcome"] == "refused" else "")
        table.add_row(row["clue_no"], escape(named(what, the_rules())), "\n".join(said) or "—")
    console().print(table)


def show_changes(found: tuple[tuple[Change, dict[str, int], str | None], ...], as_json: bool) -> None:
    if as_json:
        emit_json([{**head(c), "outcomes": counts, "undone_by": by} for c, counts, by in found])
        return
    if not found:
        console().print("没有规则变更")
        return
    table = Table()
    for column in ("编号", "时间", "批准人", "理由", "新规则", "线索", "状态"):
        table.add_column(column, overflow="fold")
    for change, counts, by in found:
        state = f"已由 {by} 撤销" if by else f"撤销 {change.undoes}" if change.undoes else "有效"
        if counts.get("pending"):
            state += f"，{counts['pending']} 条待做"
        told_counts = "\n".join(f"{OUTCOMES[k]} {n}" for k, n in sorted(counts.items()))
        table.add_row(
            change.id, when(iso(change.made_at)), escape(change.approver), escape(change.reason),
            "—" if change.undoes else change.version, told_counts, state,
        )  # fmt: skip
    console().print(table)
