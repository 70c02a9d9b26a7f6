"""The hash chain of a clue's events: each link is the SHA-256 of the one before and of the event's canonical JSON.

The chain is made where the events are made, before they reach the database, so that a row changed
afterwards can be told even by somebody who may write every table.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass

from domain.model import Actor, Event, Json, instant, iso

GENESIS = "0" * 64


@dataclass(frozen=True)
class Sealed:
    """One event as the ledger keeps it: `body` is the exact text that was hashed.

    `hash` = sha256(prev_hash + "\\n" + body), hex. `seq` counts from 1 without gaps.
    """

    clue_no: str
    seq: int
    body: str
    prev_hash: str
    hash: str


def to_json(event: Event) -> Json:
    out: Json = {"type": event.type, "at": iso(event.at), "data": event.data}
    if event.actor is not None:
        a = event.actor
        out["actor"] = {"agency": a.agency, "role": a.role, "name": a.name}
        if a.officer_id is not None:
            out["actor"]["officer_id"] = a.officer_id
    if event.command_id is not None:
        out["command_id"] = event.command_id
    if event.digest is not None:
        out["digest"] = event.digest
    return out


def from_json(body: Json) -> Event:
    actor = body.get("actor")
    return Event(
        type=body["type"],
        at=instant(body["at"]),
        actor=Actor(**actor) if actor else None,
        data=body["data"],
        command_id=body.get("command_id"),
        digest=body.get("digest"),
    )


def link(prev_hash: str, body: str) -> str:
    return hashlib.sha256(f"{prev_hash}\n{body}".encode()).hexdigest()


def seal(clue_no: str, seq: int, prev_hash: str, events: Iterable[Event]) -> tuple[Sealed, ...]:
    """Chain `events` behind the link `seq` (0 and GENESIS for a new clue)."""
    out: list[Sealed] = []
    for event in events:
        body = json.dumps(
            {"clue_no": clue_no, "seq": seq + 1, **to_json(event)},
            ensure_ascii=False,
            sort_keys=True,
            separators=(",", ":"),
        )
        sealed = Sealed(clue_no, seq + 1, body, prev_hash, link(prev_hash, body))
        out.append(sealed)
        seq, prev_hash = sealed.seq, sealed.hash
    return tuple(out)


def opened(sealed: Sealed) -> Event:
    return from_json(json.loads(sealed.body))
