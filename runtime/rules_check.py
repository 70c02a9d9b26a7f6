"""What one file alone can't tell: sources of numbers, references, overlaps of dates, the calendar's own sense."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date
from itertools import pairwise

from domain import agencies, labels
from domain.packs import HOUSE
from domain.shapes import nearest
from runtime.rules_read import Files
from runtime.rules_shapes import CalendarFile, DutyFile, PackFile, Sourced, Span
from runtime.rules_yaml import Document, Problem, Where

CLUE_FIELDS = frozenset(
    {
        "source",
        "source_ref",
        "title",
        "description",
        "matter",
        "seizure",
        "suspects",
        "vehicles",
        "responsible_persons",
        "reporter",
        "waste.type",
        "waste.origin",
        "waste.quantity_t",
        "waste.destination",
        "place.address",
        "place.region",
    }
)
FAR = date.max


def cross_check(files: Files) -> list[Problem]:
    """The problems between and within well-shaped files, in the order of the files."""
    found: list[Problem] = []
    for doc, pack in files.packs.values():
        found += _check_pack(doc, pack, files)
    found += _check_ids(files)
    found += _check_groups(files)
    found += _check_calendar(files)
    found += _check_agencies(files)
    found += _check_lists(files)
    found += _check_statutes(files)
    return found


def _check_pack(doc: Document, pack: PackFile, files: Files) -> Iterator[Problem]:
    expected = doc.file.removeprefix("packs/").removesuffix(".yaml")
    if pack.id != expected:
        yield doc.problem(("id",), f"应与文件名相同（{expected}），请改其一")
    yield from _check_span(doc, ("in_force",), pack.in_force)
    if pack.in_force.basis != "agreed" and pack.in_force.from_ is None:
        yield doc.problem(("in_force", "from"), "缺少施行日期，请补上；推定的请写 basis: assumption")
    yield from _check_binds(doc, pack, files)
    seen: set[str] = set()
    for i, duty in enumerate(pack.duties):
        where: Where = ("duties", i)
        if duty.id in seen:
            yield doc.problem((*where, "id"), f"义务“{duty.id}”写了两次，请留下一个")
        seen.add(duty.id)
        yield from _check_duty(doc, where, duty)
    yield from _check_parts(doc, pack, files)


def _check_binds(doc: Document, pack: PackFile, files: Files) -> Iterator[Problem]:
    binds = pack.binds
    if binds.kind != "all" and not binds.regions:
        yield doc.problem(("binds", "regions"), f"binds.kind 为 {binds.kind} 时要列出地区，请补上")
    for i, region in enumerate(binds.regions):
        if files.regions and region.ljust(6, "0") not in files.regions:
            yield doc.problem(("binds", "regions", i), f"行政区划代码“{region}”不存在，请核对 regions.csv")
    for i, matter in enumerate(binds.matters):
        yield from _known(doc, ("binds", "matters", i), matter, labels.MATTERS, "事项")


def _check_duty(doc: Document, where: Where, duty: DutyFile) -> Iterator[Problem]:
    yield from _known(doc, (*where, "id"), duty.id, labels.DUTIES, "义务")
    if duty.term is not None and duty.term_from is not None:
        yield doc.problem((*where, "term_from"), "term 与 term_from 只能有一个，请删去其一")
    if duty.term is None and duty.term_from is None:
        for key in ("unit", "unit_basis"):
            if getattr(duty, key) is not None:
                yield doc.problem((*where, key), "没有数字的义务不写单位，请删去，或补上 term")
        return
    if duty.unit is None:
        yield doc.problem((*where, "unit"), "有数字就要有单位（day、workday、hour），请补上")
    if duty.unit_basis is None:
        yield doc.problem(
            (*where, "unit_basis"), "请注明单位的依据：explicit 明文、assumption 推定、agreed 约定"
        )
    yield from _check_source(doc, where, duty, quoted=duty.unit_basis != "agreed")
    if duty.extension_by is not None and not agencies.is_well_formed(duty.extension_by):
        yield doc.problem((*where, "extension_by"), f"“{duty.extension_by}”不是单位代码，请改正")
    if not duty.roll and duty.unit != "day":
        yield doc.problem((*where, "roll"), "只有 day 期限才谈顺延，请删去")


def _check_source(doc: Document, where: Where, item: Sourced, *, quoted: bool) -> Iterator[Problem]:
    """A number says where it comes from, in whose words, and how far that was verified."""
    for key in ("source", "quote", "trust") if quoted else ("source", "trust"):
        if getattr(item, key) is None:
            yield doc.problem((*where, key), f"数字要有出处，请补上 {key}")
    if quoted and item.trust == "agreed":
        yield doc.problem((*where, "trust"), "有来源的数字不能标 agreed，请标 V、V2、LOW 或 MEM")


def _check_parts(doc: Document, pack: PackFile, files: Files) -> Iterator[Problem]:
    if pack.transfer is not None:
        yield from _check_source(doc, ("transfer",), pack.transfer, quoted=True)
        named = (*pack.transfer.mandatory_fields, *pack.transfer.optional_fields)
        for i, name in enumerate(named):
            part = "mandatory_fields" if i < len(pack.transfer.mandatory_fields) else "optional_fields"
            at = i if part == "mandatory_fields" else i - len(pack.transfer.mandatory_fields)
            yield from _known(doc, ("transfer", part, at), name, CLUE_FIELDS, "线索字段")
    if pack.inspection is not None and pack.inspection.quorum:
        yield from _check_source(doc, ("inspection",), pack.inspection, quoted=True)
    if pack.arbiter is not None:
        groups = {group.id: group.name for group in files.groups[1].groups} if files.groups else {}
        if files.groups:
            yield from _known(doc, ("arbiter", "group"), pack.arbiter.group, groups, "机构")
    if pack.ladder is not None:
        yield from _check_source(doc, ("ladder",), pack.ladder, quoted=False)
        if pack.id != HOUSE:
            yield doc.problem(("ladder",), "升级阶梯只写在 house 中，请移过去")
        if any(b < a for a, b in pairwise(pack.ladder.steps)):
            yield doc.problem(("ladder", "steps"), "升级阶梯应逐级不减，请改正")
    elif pack.id == HOUSE:
        yield doc.problem(("ladder",), "缺少升级阶梯，请补上 ladder")


def _check_ids(files: Files) -> Iterator[Problem]:
    seen: dict[str, str] = {}
    for doc, pack in files.packs.values():
        if pack.id in seen:
            yield doc.problem(("id",), f"“{pack.id}”与 {seen[pack.id]} 重复，请改其一")
        seen.setdefault(pack.id, doc.file)
    if HOUSE not in seen and not any(p.file == f"packs/{HOUSE}.yaml" for p in files.problems):
        yield Problem(f"packs/{HOUSE}.yaml", 1, "", "缺少约定时限的规则包 house，请补上")


def _check_groups(files: Files) -> Iterator[Problem]:
    if files.groups is None:
        return
    doc, content = files.groups
    packs = {pack.id: pack.title for _, pack in files.packs.values()}
    seen: set[str] = set()
    for i, group in enumerate(content.groups):
        where: Where = ("groups", i)
        if group.id in seen:
            yield doc.problem((*where, "id"), f"“{group.id}”写了两次，请留下一个")
        seen.add(group.id)
        if not group.id.startswith("group.") or not agencies.is_well_formed(group.id):
            yield doc.problem((*where, "id"), "应写成 group.<代号>，如 group.qwj")
        for j, member in enumerate(group.members):
            yield from _check_agency(doc, (*where, "members", j), member, files)
        broken = any(p.file == f"packs/{group.pack}.yaml" for p in files.problems)
        if group.pack is not None and not broken:
            yield from _known(doc, (*where, "pack"), group.pack, packs, "规则包")


def _check_agency(doc: Document, where: Where, agency: str, files: Files) -> Iterator[Problem]:
    try:
        region, _ = agencies.parse(agency)
    except ValueError as err:
        yield doc.problem(where, str(err))
        return
    if region == agencies.GROUP:
        yield doc.problem(where, "这里要写具体单位，不能写 group.<代号>")
    elif files.regions and region not in files.regions:
        yield doc.problem(where, f"行政区划代码“{region}”不存在，请核对 regions.csv")


def _check_calendar(files: Files) -> Iterator[Problem]:
    if files.calendar is None:
        return
    doc, content = files.calendar
    seen: set[int] = set()
    for i, year in enumerate(content.years):
        where: Where = ("years", i)
        if year.year in seen:
            yield doc.problem((*where, "year"), f"{year.year}年写了两次，请留下一个")
        seen.add(year.year)
        rest: set[date] = set()
        for name, days in year.rest.items():
            place = (*where, "rest", name)
            if days[-1] < days[0]:
                yield doc.problem(place, "末日早于首日，请对调")
            if abs(days[-1].year - year.year) > 1 or abs(days[0].year - year.year) > 1:
                yield doc.problem(place, f"日期不在{year.year}年，请核对")
            span = {date.fromordinal(n) for n in range(days[0].toordinal(), days[-1].toordinal() + 1)}
            if span & rest:
                yield doc.problem(place, "与另一个节日的日期重叠，请核对")
            rest |= span
        for j, day in enumerate(year.work):
            if day.weekday() < 5:
                yield doc.problem((*where, "work", j), f"{day} 不是周末，不会是调休上班，请核对")
            elif day in rest:
                yield doc.problem((*where, "work", j), f"{day} 同时写成放假，请核对")
    yield from _check_official(doc, content)


def _check_official(doc: Document, content: CalendarFile) -> Iterator[Problem]:
    """A guessed year before an announced one was forgotten."""
    newest = max((year.year for year in content.years if year.status == "official"), default=0)
    for i, year in enumerate(content.years):
        if year.status == "provisional" and year.year < newest:
            yield doc.problem(
                ("years", i, "status"), f"{newest}年已有通知，{year.year}年不应仍是推定，请补上"
            )


def _check_agencies(files: Files) -> Iterator[Problem]:
    if files.agencies is None:
        return
    doc, content = files.agencies
    for key in content.departments:
        yield from _known(doc, ("departments", key), key, agencies.DEPARTMENTS, "部门")
    for key in agencies.DEPARTMENTS:
        if key not in content.departments:
            yield doc.problem(("departments",), f"缺少部门“{key}”（{agencies.DEPARTMENTS[key]}），请补上")
    for i, named in enumerate(content.agencies):
        yield from _check_agency(doc, ("agencies", i, "id"), named.id, files)
        yield from _check_span(doc, ("agencies", i), named)
    yield from _check_overlaps(doc, "agencies", [(a.id, a) for a in content.agencies])
    for i, row in enumerate(content.matters):
        yield from _known(doc, ("matters", i, "matter"), row.matter, labels.MATTERS, "事项")
        yield from _known(doc, ("matters", i, "department"), row.department, agencies.DEPARTMENTS, "部门")
        yield from _check_span(doc, ("matters", i), row)
    yield from _check_overlaps(doc, "matters", [(m.matter, m) for m in content.matters])
    for matter in labels.MATTERS:
        if matter not in {row.matter for row in content.matters}:
            yield doc.problem(("matters",), f"缺少事项“{matter}”的主管部门，请补上")


def _check_lists(files: Files) -> Iterator[Problem]:
    scopes: dict[str, str] = {}
    if files.scopes is not None:
        doc, listed = files.scopes
        for i, scope in enumerate(listed.scopes):
            if scope.id in scopes:
                yield doc.problem(("scopes", i, "id"), f"“{scope.id}”写了两次，请留下一个")
            scopes[scope.id] = scope.name
            yield from _check_span(doc, ("scopes", i), scope)
            for j, region in enumerate(scope.regions):
                if files.regions and region.ljust(6, "0") not in files.regions:
                    yield doc.problem(("scopes", i, "regions", j), f"行政区划代码“{region}”不存在，请核对")
            for j, matter in enumerate(scope.matters):
                yield from _known(doc, ("scopes", i, "matters", j), matter, labels.MATTERS, "事项")
    if files.officers is None:
        return
    doc, people = files.officers
    for i, officer in enumerate(people.officers):
        yield from _check_agency(doc, ("officers", i, "agency"), officer.agency, files)
        yield from _check_span(doc, ("officers", i), officer)
        for j, scope_id in enumerate(officer.scopes):
            if files.scopes is not None:
                yield from _known(doc, ("officers", i, "scopes", j), scope_id, scopes, "执法范围")
    yield from _check_overlaps(doc, "officers", [(o.id, o) for o in people.officers])


def _check_statutes(files: Files) -> Iterator[Problem]:
    if files.statutes is None:
        return
    doc, content = files.statutes
    ids = {statute.id: statute.title for statute in content.statutes}
    for i, statute in enumerate(content.statutes):
        yield from _check_span(doc, ("statutes", i), statute)
        if statute.replaced_by is not None:
            yield from _known(doc, ("statutes", i, "replaced_by"), statute.replaced_by, ids, "法规")
            if statute.to is None:
                yield doc.problem(("statutes", i, "to"), "已被接替的法规要有失效前的最后一日，请补上")
        if statute.source is None or statute.trust is None:
            yield doc.problem(("statutes", i), "缺少 source 或 trust，请补上")
    yield from _check_overlaps(doc, "statutes", [(s.id, s) for s in content.statutes])


def _check_span(doc: Document, where: Where, span: Span) -> Iterator[Problem]:
    if span.from_ is not None and span.to is not None and span.to < span.from_:
        yield doc.problem((*where, "to"), "止日早于起日，请对调或改正")


def _check_overlaps(doc: Document, part: str, spans: list[tuple[str, Span]]) -> Iterator[Problem]:
    """The same id may come again for another time, never for the same day."""
    earlier: dict[str, list[tuple[date, date]]] = {}
    for i, (key, span) in enumerate(spans):
        first, last = span.from_ or date.min, span.to or FAR
        if any(first <= b and a <= last for a, b in earlier.get(key, [])):
            yield doc.problem((part, i), f"“{key}”的起止日期与前面的重叠，请改正")
        earlier.setdefault(key, []).append((first, last))


def _known(
    doc: Document, where: Where, word: str, words: Mapping[str, str] | frozenset[str], what: str
) -> Iterator[Problem]:
    if word in words:
        return
    meant = nearest(word, words)
    yield doc.problem(where, f"没有{what}“{word}”，" + (f"是不是“{meant}”？" if meant else "请核对"))
