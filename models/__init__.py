"""The ledger's tables.

`clue_event`, `notice_mark` and `run_history` are kept; the others are built from them.
"""

from models.clue import Clue
from models.duty import DutyRow
from models.event import ClueEvent
from models.notice import NoticeMark, NoticeRow
from models.run import RunHistory

__all__ = ["Clue", "ClueEvent", "DutyRow", "NoticeMark", "NoticeRow", "RunHistory"]
