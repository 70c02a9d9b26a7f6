"""The ledger's tables.

`clue_event`, `notice_mark`, `run_history` and `clue_trace_key` are kept; the others are built from them.
"""

from models.clue import Clue
from models.duty import DutyRow
from models.event import ClueEvent
from models.notice import NoticeMark, NoticeRow
from models.run import RunHistory
from models.trace import ClueTrace, TraceKey

__all__ = ["Clue", "ClueEvent", "ClueTrace", "DutyRow", "NoticeMark", "NoticeRow", "RunHistory", "TraceKey"]
