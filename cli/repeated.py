"""Suspected duplicates on the command line: said before a second clue is made."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from rich.markup import escape

from cli.output import complain, console, emit_json
from cli.services import prepare, the_ledger
from domain.commands import SHAPES
from domain.errors import DomainError
from domain.model import Json, instant
from domain.suspects import Asked, Suspect
from domain.traces import traces
from intake.mapping import BadMapping, load_measures
from ledger import met
from runtime.errors import ServiceUnreachable
from runtime.settings import get_settings

SUSPECTED: Final = 3  # refused, and `--anyway` overrules it


async def resembling(data: Json, command_id: str) -> tuple[Suspect, ...]:
    """The clues that this report may repeat. Without the ledger nobody can tell: then it says so and goes on, for
    reporting works without the ledger.
    """
    try:
        clue = SHAPES["report"]("", data)
        measures = load_measures(get_settings().rules_dir)
        asked = Asked(command_id, instant(clue["discovered_at"]), bool(clue.get("drill")), traces(clue))
        async with the_ledger(prepare()) as engine:
            return (await met.resembling(engine, [asked], measures))[0]
    except ServiceUnreachable:
        complain("", "台账没有应答，没有核对是否与已有线索重复")
    except BadMapping as err:
        raise DomainError("invalid_input", str(err)) from None
    return ()


def show_suspects(found: Sequence[Suspect], as_json: bool) -> None:
    """Which clues, what they have in common, and how to go on."""
    message = (
        "没有登记：疑似与已有线索重复。确是同一件的，把新情况补到原线索；不是同一件的，加 --anyway 再登记"
    )
    if as_json:
        emit_json(
            {
                "error": "suspected_duplicate",
                "message": message,
                "suspects": [plain_suspect(s) for s in found],
            }
        )
    else:
        for suspect in found:
            console().print(f"[magenta]●[/] {escape(suspect.text)}", soft_wrap=True)
    complain("", message)


def plain_suspect(suspect: Suspect) -> Json:
    """A suspected duplicate as JSON."""
    return {
        "clue_no": suspect.clue_no,
        "strength": suspect.strength,
        "text": suspect.text,
        "matches": [{"kind": m.kind, "strength": m.strength, "text": m.text} for m in suspect.matches],
    }
