"""The file of channels: who is told by what, and when something may wait. Read, checked, and looked up."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Annotated, Any, Final, Literal
from urllib.parse import parse_qsl, urlsplit

from pydantic import Field, ValidationError

from domain.agencies import is_well_formed
from domain.notices import KINDS
from domain.shapes import nearest
from runtime.errors import GroundError
from runtime.rules import Rules
from runtime.rules_read import shape_problems
from runtime.rules_shapes import Flag, RegionPrefix, Shape, Text
from runtime.rules_yaml import Document, Problem, Where, read_yaml

ChannelKind = Literal["wecom", "dingtalk", "feishu", "mail", "webhook"]
Clock = Annotated[str, Field(strict=True, pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$")]
Port = Annotated[int, Field(strict=True, ge=1, le=65535)]
Seconds = Annotated[int, Field(strict=True, ge=1, le=15)]

CHANNEL_KINDS: Final[Mapping[str, str]] = {
    "wecom": "企业微信",
    "dingtalk": "钉钉",
    "feishu": "飞书",
    "mail": "邮件",
    "webhook": "网络接口",
}
# What somebody must act on at once, or what tells of lateness. No configuration makes these wait.
NEVER_WAITS: Final = frozenset(
    {"clue_notice", "evidence_at_risk", "inspection", "escalation", "order", "summons", "case"}
)
_NEEDED: Final[Mapping[str, tuple[str, ...]]] = {
    "wecom": ("key",),
    "dingtalk": ("token",),
    "feishu": ("token",),
    "mail": ("host", "from", "to"),
    "webhook": ("url",),
}
_TAKEN: Final[Mapping[str, frozenset[str]]] = {
    "wecom": frozenset({"base"}),
    "dingtalk": frozenset({"base", "secret"}),
    "feishu": frozenset({"base", "secret"}),
    "mail": frozenset({"port", "security", "user", "password"}),
    "webhook": frozenset({"headers"}),
}
_SECRET: Final = frozenset({"key", "token", "secret", "password", "user", "url"})
PART_LEAST: Final = 6  # letters; a part that is shorter would take ordinary words out of a gateway's sentence
PATH_LEAST: Final = 16  # and a path has ordinary words in it
_SOME_DAY: Final = date(2100, 1, 1)  # whether an agency is known, not whether it is there today
_VARIABLE: Final = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")


class ChannelFile(Shape):
    """One way out of the house; which fields it needs depends on `kind`."""

    kind: ChannelKind
    key: Text | None = None
    token: Text | None = None
    secret: Text | None = None
    base: Text | None = None
    url: Text | None = None
    headers: dict[Text, Text] = Field(default_factory=dict)
    host: Text | None = None
    port: Port | None = None
    security: Literal["tls", "starttls", "none"] = "tls"
    user: Text | None = None
    password: Text | None = None
    from_: Text | None = Field(default=None, alias="from")
    to: tuple[Text, ...] = ()
    timeout: Seconds = 10
    note: Text | None = None


class QuietFile(Shape):
    """Hours in which what may wait does wait; over midnight where `to` is before `from`."""

    from_: Clock = Field(alias="from")
    to: Clock
    rest_days: Flag = False


class RosterFile(Shape):
    """Who is on duty on the rest days between two days, both included."""

    from_: date = Field(alias="from")
    to: date
    channels: tuple[Text, ...] = Field(min_length=1)
    instead: Flag = False
    note: Text | None = None


class RouteFile(Shape):
    """Where one agency's notices go, or those of all agencies of a region, a department, or both."""

    agency: Text | None = None
    region: RegionPrefix | None = None
    department: Text | None = None
    usual: tuple[Text, ...] | None = None
    head: tuple[Text, ...] | None = None
    drill: tuple[Text, ...] | None = None
    wait: tuple[Text, ...] | None = None
    quiet: QuietFile | None = None
    digest: tuple[Clock, ...] | None = None
    roster: tuple[RosterFile, ...] | None = None
    note: Text | None = None


class ChannelsFile(Shape):
    """The whole file."""

    channels: dict[str, ChannelFile] = Field(default_factory=dict)
    routes: tuple[RouteFile, ...] = ()


@dataclass(frozen=True)
class Channel:
    """One way out with its variables filled in; `secrets` are the words that nobody may see."""

    name: str
    kind: str
    timeout: int
    options: Mapping[str, Any] = field(repr=False)
    secrets: tuple[str, ...] = field(repr=False)


@dataclass(frozen=True)
class Route:
    """What holds for one agency, gathered from its own entry and the defaults."""

    usual: tuple[str, ...] = ()
    head: tuple[str, ...] = ()
    drill: tuple[str, ...] = ()
    wait: frozenset[str] = frozenset()
    quiet: QuietFile | None = None
    digest: tuple[str, ...] = ()
    roster: tuple[RosterFile, ...] = ()


@dataclass(frozen=True)
class Channels:
    """The file, ready for use."""

    channels: Mapping[str, Channel]
    routes: tuple[RouteFile, ...]

    def route(self, agency: str) -> Route:
        """Each thing from the agency's own entry, else from the nearest default that says it."""
        entries = sorted((r for r in self.routes if _matches(r, agency)), key=_nearness, reverse=True)

        def said(name: str) -> Any:
            return next((v for e in entries if (v := getattr(e, name)) is not None), None)

        return Route(
            usual=said("usual") or (),
            head=said("head") or (),
            drill=said("drill") or (),
            wait=frozenset(said("wait") or ()),
            quiet=said("quiet"),
            digest=tuple(sorted(said("digest") or ())),
            roster=said("roster") or (),
        )


class BadChannels(GroundError):
    """The file can't be used; `problems` says what is wrong and where."""

    exit_code = 2

    def __init__(self, problems: list[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("通知渠道的配置有误：\n" + "\n".join(str(problem) for problem in problems))


def load_channels(path: Path, rules: Rules, environ: Mapping[str, str] | None = None) -> Channels:
    """The file's channels. Raises BadChannels."""
    channels, problems = read_channels(path, rules, environ)
    if problems or channels is None:
        raise BadChannels(problems)
    return channels


def read_channels(
    path: Path, rules: Rules, environ: Mapping[str, str] | None = None
) -> tuple[Channels | None, list[Problem]]:
    """The file's channels, or everything wrong with it."""
    doc, problems = read_yaml(path, path.name)
    if doc is None:
        return None, problems
    try:
        file = ChannelsFile.model_validate(doc.data if doc.data is not None else {})
    except ValidationError as err:
        return None, shape_problems(doc, ChannelsFile, err)
    check = _Check(doc, file, rules, os.environ if environ is None else environ)
    channels = check.run()
    return (None, check.problems) if check.problems else (channels, [])


def _matches(route: RouteFile, agency: str) -> bool:
    if route.agency is not None:
        return route.agency == agency
    region, _, department = agency.partition(".")
    return region.startswith(route.region or "") and route.department in (None, department)


def _nearness(route: RouteFile) -> tuple[bool, int, bool]:
    return route.agency is not None, len(route.region or ""), route.department is not None


class _Check:
    """What the shape alone can't say."""

    def __init__(self, doc: Document, file: ChannelsFile, rules: Rules, environ: Mapping[str, str]) -> None:
        self._doc, self._file, self._rules, self._environ = doc, file, rules, environ
        self.problems: list[Problem] = []

    def run(self) -> Channels:
        channels = {name: self._channel(name, file) for name, file in self._file.channels.items()}
        seen: set[tuple[str | None, str | None, str | None]] = set()
        for i, route in enumerate(self._file.routes):
            key = (route.agency, route.region, route.department)
            if key in seen:
                self._say(("routes", i), "与前面的一项管的是同一范围，请合并")
            seen.add(key)
            self._route(i, route)
        return Channels(channels, self._file.routes)

    def _say(self, where: Where, message: str) -> None:
        self.problems.append(self._doc.problem(where, message))

    # --- channels ----------------------------------------------------------------------------------

    def _channel(self, name: str, file: ChannelFile) -> Channel:
        where: Where = ("channels", name)
        given = file.model_dump(by_alias=True, exclude_unset=True)
        needed = _NEEDED[file.kind]
        for key in needed:
            if not given.get(key):
                self._say(where, f"{CHANNEL_KINDS[file.kind]}渠道缺少“{key}”，请补上")
        allowed = {"kind", "timeout", "note", *needed, *_TAKEN[file.kind]}
        for key in given.keys() - allowed:
            self._say((*where, key), f"{CHANNEL_KINDS[file.kind]}渠道用不着“{key}”，请删去")
        secrets: set[str] = set()
        options = {k: self._filled((*where, k), v, secrets) for k, v in given.items() if k != "note"}
        secrets |= {v for k, v in options.items() if k in _SECRET and isinstance(v, str)}
        secrets |= set(options.get("headers", {}).values())
        secrets |= {part for value in secrets for part in _parts(value)}
        self._addresses(where, options)
        options.setdefault("security", file.security)
        return Channel(name, file.kind, file.timeout, options, tuple(sorted(secrets, key=len, reverse=True)))

    def _addresses(self, where: Where, options: Mapping[str, Any]) -> None:
        for key in ("url", "base"):
            if key in options and not str(options[key]).startswith(("https://", "http://")):
                self._say((*where, key), "应以 https:// 或 http:// 开头")
        for i, address in enumerate(options.get("to", ())):
            if not re.fullmatch(r"[^@\s]+@[^@\s]+", address):
                self._say((*where, "to", i), "不是邮件地址")
        if (options.get("user") is None) != (options.get("password") is None):
            self._say(where, "“user”和“password”要一起给")

    def _filled(self, where: Where, value: Any, secrets: set[str]) -> Any:
        """The value with ${NAME} replaced by the environment's."""
        if isinstance(value, str):
            return _VARIABLE.sub(lambda found: self._variable(where, found[1], secrets), value)
        if isinstance(value, dict):
            return {k: self._filled((*where, k), v, secrets) for k, v in value.items()}
        if isinstance(value, tuple | list):
            return tuple(self._filled((*where, i), v, secrets) for i, v in enumerate(value))
        return value

    def _variable(self, where: Where, name: str, secrets: set[str]) -> str:
        found = self._environ.get(name)
        if not found:
            self._say(where, f"环境变量 {name} 没有设置")
            return ""
        secrets.add(found)
        return found

    # --- routes ------------------------------------------------------------------------------------

    def _route(self, i: int, route: RouteFile) -> None:
        where: Where = ("routes", i)
        self._scope(where, route)
        for lane in ("usual", "head", "drill"):
            self._names((*where, lane), getattr(route, lane) or ())
        both = set(route.drill or ()) & {*(route.usual or ()), *(route.head or ())}
        for name in sorted(both):
            self._say((*where, "drill"), f"“{name}”不能既是演练渠道又是平时的渠道")
        for n, kind in enumerate(route.wait or ()):
            self._kind((*where, "wait", n), kind)
        if route.quiet is not None and route.quiet.from_ == route.quiet.to:
            self._say((*where, "quiet"), "起止相同，请改正")
        for n, line in enumerate(route.roster or ()):
            self._names((*where, "roster", n, "channels"), line.channels)
            if line.to < line.from_:
                self._say((*where, "roster", n), "止日早于起日，请对调或改正")

    def _scope(self, where: Where, route: RouteFile) -> None:
        if route.agency is not None:
            if route.region is not None or route.department is not None:
                self._say(where, "写了“agency”就不要再写“region”“department”")
            self._agency((*where, "agency"), route.agency)
        if route.department is not None:
            self._word((*where, "department"), route.department, self._rules.departments, "部门")

    def _agency(self, where: Where, agency: str) -> None:
        known = [*(a.id for a in self._rules.agencies), *self._rules.rulebook.group_map]
        there = is_well_formed(agency) and (self._rules.agency_status(agency, _SOME_DAY) != "unknown")
        if not there:
            self._say(where, f"没有机构“{agency}”" + _guess(agency, known))

    def _names(self, where: Where, names: tuple[str, ...]) -> None:
        for n, name in enumerate(names):
            self._word((*where, n), name, self._file.channels, "渠道")
            if name in names[:n]:
                self._say((*where, n), f"“{name}”写了两次，请留下一个")

    def _kind(self, where: Where, kind: str) -> None:
        self._word(where, kind, KINDS, "通知种类")
        if kind in NEVER_WAITS:
            self._say(where, f"“{kind}”（{KINDS[kind]}）从不等待，请删去")

    def _word(self, where: Where, word: str, words: Any, what: str) -> None:
        if word not in words:
            self._say(where, f"没有{what}“{word}”" + _guess(word, words))


def _parts(secret: str) -> Iterator[str]:
    """What a gateway may say of a secret: an address's password, its parameters and long path, a header's token."""
    if "://" not in secret:
        yield from (word for word in secret.split() if len(word) >= PART_LEAST)
        return
    try:
        url = urlsplit(secret)
    except ValueError:
        return
    told = [url.password, *(value for _, value in parse_qsl(url.query))]
    yield from (part for part in told if part and len(part) >= PART_LEAST)
    yield from (part for part in url.path.split("/") if len(part) >= PATH_LEAST)


def _guess(word: str, words: Any) -> str:
    found = nearest(word, words)
    return f"，是不是“{found}”？" if found else "，请核对"
