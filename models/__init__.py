"""The ledger's tables.

`clue_event`, `notice_mark`, `region_order`, `run_history`, `clue_trace_key`, those of rule changes and those of delivery
are kept; the others are built from them.
"""

from models.clue import Clue
from models.delivery import Delivery, DeliveryAttempt
from models.duty import DutyRow
from models.event import ClueEvent
from models.notice import NoticeMark, NoticeRow
from models.order import RegionOrder
from models.rules import RulebookRow, RuleChangeClue, RuleChangeRow
from models.run import RunHistory
from models.trace import ClueTrace, TraceKey

__all__ = [
    "Clue",
    "ClueEvent",
    "ClueTrace",
    "Delivery",
    "DeliveryAttempt",
    "DutyRow",
    "NoticeMark",
    "NoticeRow",
    "RegionOrder",
    "RuleChangeClue",
    "RuleChangeRow",
    "RulebookRow",
    "RunHistory",
    "TraceKey",
]
