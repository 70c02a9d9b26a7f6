"""Taking people out of a case: every word that somebody wrote is replaced, the same word always by the same one.

What stays is what the engine judges by: agencies, regions, instants, numbers, and its own vocabulary. So a field
that a new command brings is covered without being named here.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from domain import commands, labels
from domain.agencies import is_well_formed
from domain.shapes import VOCABULARY, Field, Shape

PERSONAL: Final = frozenset(
    {"suspects", "vehicles", "responsible_persons", "reporter", "officers", "officer_id", "leader", "members",
     "persons", "taken_by", "signature", "name_of_actor"}
)  # fmt: skip
_OTHER_CLUE: Final = "CASE"
_DIGEST: Final = re.compile(r"[0-9a-fA-F]{64}")
_REGION: Final = re.compile(r"(?:[0-9]{2}){1,3}")  # a code, or the part of one that stands for all within
# Numbers of people and their things, wherever they stand: identity, telephone, MMSI, plate, mail.
_NUMBERS: Final = re.compile(
    r"[0-9]{15,18}[0-9Xx]?|\+?[0-9][0-9 -]{5,}[0-9]|[\w.+-]+@[\w-]+\.[\w.]+"
    r"|[京津沪渝冀豫云辽黑湘皖鲁新苏浙赣鄂桂甘晋蒙陕吉闽贵粤青藏川宁琼][A-Z][·•. ]?[A-Z0-9]{5,6}"
)


def _shapes() -> Iterator[Shape]:
    yield from commands.SHAPES.values()
    yield from (value for value in vars(commands).values() if isinstance(value, Shape))


_FIELDS: Final[Mapping[str, Field]] = {key: one for shape in _shapes() for key, one in shape.fields.items()}
# What means something to the engine where a field is open: duties, and the kind of evidence that needs a review.
_VOCABULARY: Final = frozenset(VOCABULARY) | frozenset(labels.DUTIES) | {"monitor"}


@dataclass
class Masks:
    """The replacements of one file. `keep_text`: free text stays, with the people known by name taken out."""

    keep_text: bool = False
    _tokens: dict[str, str] = field(default_factory=dict)
    _counts: dict[str, int] = field(default_factory=dict)
    _people: set[str] = field(default_factory=set)

    def learn(self, value: Any, key: str = "", personal: bool = False) -> None:
        """Notes what in there names people, so that text that comes earlier is cleared of it too."""
        personal = personal or key in PERSONAL
        if isinstance(value, dict):
            for name, item in value.items():
                if personal and name not in _FIELDS:
                    self._people.add(name)
                self.learn(item, name, personal)
        elif isinstance(value, list | tuple):
            for item in value:
                self.learn(item, key, personal)
        elif personal and isinstance(value, str) and not _kept(key, value):
            self._people.add(value)

    def cleared(self, value: Any, key: str = "", personal: bool = False) -> Any:
        """The same JSON without anything that names people or tells a story."""
        personal = personal or key in PERSONAL
        if isinstance(value, dict):
            return self._object(value, key, personal)
        if isinstance(value, list | tuple):
            return [self.cleared(item, key, personal) for item in value]
        if not isinstance(value, str) or _kept(key, value):
            return value
        if _DIGEST.fullmatch(value):
            return hashlib.sha256(self.token(value.lower(), "sha256").encode()).hexdigest()
        if key == "clue_no":
            return self.token(value, key)
        return self._text(value, key) if self.keep_text and not personal else self.token(value, key)

    def token(self, value: str, key: str) -> str:
        """What stands for that value from now on: the field's name and a number."""
        if value not in self._tokens:
            name = _name(key)
            self._counts[name] = self._counts.get(name, 0) + 1
            self._tokens[value] = f"{name}{self._counts[name]}"
        return self._tokens[value]

    def _object(self, value: Mapping[str, Any], key: str, personal: bool) -> dict[str, Any]:
        out: dict[str, Any] = {}
        for name, item in value.items():
            if name == "track":  # where somebody was, and when
                continue
            if name in ("lon", "lat"):
                if "region" not in value:  # else the region says where it was, as far as any rule asks
                    out[name] = 0
                continue
            known = name in _FIELDS and key != "responsible_persons"
            out[name if known else self.token(name, "key")] = self.cleared(item, name, personal)
        return out

    def _text(self, value: str, key: str) -> str:
        """Free text without the people known by name, and without numbers that look like theirs."""
        out = value
        for known in sorted(self._people, key=len, reverse=True):
            if len(known) > 1:
                out = out.replace(known, self.token(known, "name_of_actor"))
        out = _NUMBERS.sub(lambda found: self.token(found[0], "number"), out)
        # A name of one character can't be told from the word that it is part of.
        short = any(len(known) == 1 and known in value for known in self._people)
        return self.token(value, key) if short else out


def _kept(key: str, value: str) -> bool:
    """Whether the engine judges by it, so that it stays as it is."""
    if not value.strip() or value in _VOCABULARY or is_well_formed(value):
        return True
    if _REGION.fullmatch(value):
        return "region" in key
    return _is_instant(value)


def _is_instant(value: str) -> bool:
    try:
        return datetime.fromisoformat(value).tzinfo is not None
    except ValueError:
        return False


_NAMES: Final = {
    "name_of_actor": "人员",
    "number": "号码",
    "key": "项目",
    "sha256": "证据",
    "clue_no": _OTHER_CLUE,
}


def _name(key: str) -> str:
    """The field's Chinese name, without what stands in brackets."""
    if key in _NAMES:
        return _NAMES[key]
    return _FIELDS[key].label.partition("（")[0] if key in _FIELDS else "文字"
