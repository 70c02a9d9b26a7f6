"""The transfer: what a letter must hold, what its manifest may name, and what follows from it (《规程》, 《方案》)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from domain import labels
from domain.draft import Draft
from domain.errors import DomainError
from domain.model import Json
from domain.packs import Pack


def start_transfer(d: Draft) -> None:
    d.emit("transfer_started", d.data)
    d.fulfil("start_transfer")


def _manifest(d: Draft) -> list[str]:
    return list(dict.fromkeys(d.data["manifest"]))


def missing_fields(clue: Json, packs: Iterable[Pack]) -> list[str]:
    """The mandatory fields (dotted) that are not filled in yet."""
    wanted = dict.fromkeys(f for p in packs for f in p.mandatory_fields)
    return [f for f in wanted if _at(clue, f) in (None, "", [], {})]


def _at(data: Any, path: str) -> Any:
    for key in path.split("."):
        data = data.get(key) if isinstance(data, dict) else None
    return data.strip() if isinstance(data, str) else data


def check_transfer(d: Draft) -> None:
    """The mandatory fields and the evidence that the packs ask for, then the manifest (《规程》, 《方案》)."""
    packs = list(d.packs_in_use)
    missing = [labels.FIELDS.get(f, f) for f in missing_fields(d.state.clue, packs)]
    if any(p.evidence_required for p in packs) and not d.data["manifest"]:
        missing.append("证据材料（清单至少一件）")
    if missing:
        raise DomainError("incomplete_transfer", f"移送材料缺：{'、'.join(missing)}；请补正后再发")
    check_manifest(d)


def check_manifest(d: Draft) -> None:
    kept = {x.sha256: x for x in d.state.evidence}
    unreviewed = [kept[m].name for m in _manifest(d) if m in kept and not kept[m].usable]
    if unreviewed:
        names = "、".join(unreviewed)
        raise DomainError("incomplete_transfer", f"监控材料 {names} 未经审核，只是线索不是证据，请先审核")
    strange = [m for m in _manifest(d) if m not in kept]
    if strange:
        raise DomainError(
            "manifest_mismatch", f"清单中的摘要从未添加为证据：{'、'.join(m[:12] for m in strange)}"
        )


def send_transfer(d: Draft) -> None:
    letter_no = d.data.get("letter_no") or f"移-{d.state.clue_no}-{d.state.letters + 1}"
    d.emit("transfer_sent", {**d.data, "letter_no": letter_no, "manifest": _manifest(d)})
    d.fulfil("complete_transfer", "evidence_transfer")
    d.open("receipt", d.state.to_agency)


def send_supplement(d: Draft) -> None:
    d.emit("supplement_sent", {**d.data, "manifest": _manifest(d)})


def check_receipt(d: Draft) -> None:
    assert d.state.sent is not None
    got, sent = set(d.data["manifest"]), set(d.state.sent.manifest)
    lacking, strange = sent - got, got - sent - set(d.state.supplements)
    if lacking or strange:
        parts = [f"缺 {len(lacking)} 件"] if lacking else []
        parts += [f"多 {len(strange)} 件"] if strange else []
        raise DomainError("manifest_mismatch", f"签收清单与发出的不符：{'，'.join(parts)}；请逐件核对摘要")


def receive_transfer(d: Draft) -> None:
    d.emit("transfer_received", {**d.data, "manifest": _manifest(d)})
    d.fulfil("receipt")
    d.open("case_filing", d.state.to_agency)
    d.open("written_feedback", d.state.to_agency)


def return_transfer(d: Draft) -> None:
    assert d.state.sent is not None
    sent_by = d.state.sent.command_id
    d.emit("transfer_returned", d.data)
    d.fulfil("receipt")
    d.reopen(("evidence_transfer", "complete_transfer"), sent_by)
