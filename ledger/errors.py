"""What the ledger refuses, and what it finds wrong."""

from __future__ import annotations


class LedgerGap(Exception):
    """Events came whose predecessors are not stored yet: try again, they are on their way."""

    def __init__(self, clue_no: str, have: int, got: int) -> None:
        super().__init__(f"线索 {clue_no} 的台账到第 {have} 号事件，送来的却从第 {got} 号起：前面的还没有到")
        self.clue_no, self.have, self.got = clue_no, have, got


class LedgerConflict(Exception):
    """Another event is stored at that place already: trying again can't help, a person must look."""

    def __init__(self, clue_no: str, seq: int, why: str) -> None:
        super().__init__(f"线索 {clue_no} 的第 {seq} 号事件与台账不符：{why}")
        self.clue_no, self.seq = clue_no, seq


class UnknownClue(LookupError):
    """The ledger holds nothing of that clue."""

    def __init__(self, clue_no: str) -> None:
        super().__init__(f"台账里没有线索 {clue_no}")
        self.clue_no = clue_no
