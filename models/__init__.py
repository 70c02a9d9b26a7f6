"""The ledger's tables.

`clue_event`, `notice_mark`, `run_history` and those of rule changes are kept; the others are built from them.
"""

from models.clue import Clue
from models.duty import DutyRow
from models.event import ClueEvent
from models.notice import NoticeMark, NoticeRow
from models.rules import RulebookRow, RuleChangeClue, RuleChangeRow
from models.run import RunHistory

__all__ = [
    "Clue",
    "ClueEvent",
    "DutyRow",
    "NoticeMark",
    "NoticeRow",
    "RuleChangeClue",
    "RuleChangeRow",
    "RulebookRow",
    "RunHistory",
]
