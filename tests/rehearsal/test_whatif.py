"""Past clues judged again: what the dates alone tell is what playing the clue tells, and the counts are right."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import date, datetime, timedelta

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from domain.calendar import Term
from domain.chain import GENESIS, seal
from domain.lifecycle import handle
from domain.model import ClueState
from domain.packs import Ladder, Pack, Rulebook
from ledger import database, past, rows
from ledger.flush import flush
from ledger.past import PastClue, PastDuty, Span
from rehearsal import whatif
from rehearsal.altered import with_days, with_term
from rehearsal.judging import OPENS, PLAIN, Clocks, Judged, as_recorded, judged
from rehearsal.tally import Count, Tally, paired
from rehearsal.whatif import Found, Question, ask, judged_in
from runtime.rules import UnknownRule
from tests.domain import story
from tests.domain.story import at
from tests.oracle.cases import fresh
from tests.rehearsal.lives import RULES, Life, random_life

BOOK = RULES.rulebook
SEEDS = range(250)


def other_rules(seed: int) -> Rulebook:
    """Terms longer, shorter, in other units or gone, a ladder with other steps, days made free or working."""
    rng = random.Random(seed)
    packs = tuple(_other_pack(pack, rng) for pack in BOOK.packs)
    days = [date(2019, 1, 1) + timedelta(days=rng.randrange(365 * 8)) for _ in range(rng.choice([0, 5, 60]))]
    half = len(days) // 2
    return with_days(replace(BOOK, packs=packs), days[:half], days[half:])


def _other_pack(pack: Pack, rng: random.Random) -> Pack:
    duties = []
    for rule in pack.duties:
        term = rule.term
        kind = rng.random()
        if term is not None and kind < 0.4:
            term = replace(term, n=max(0, term.n + rng.choice([-3, -1, 1, 2, 10])))
        elif term is not None and kind < 0.55:
            term = Term(rng.choice([0, 1, 3, 48]), rng.choice(["day", "workday", "hour"]), rng.random() < 0.8)
        elif kind < 0.62:
            term = None
        elif kind < 0.67 and not rule.from_order:
            term = Term(2, "workday")
        duties.append(replace(rule, term=term, escalates=rule.escalates ^ (rng.random() < 0.05)))
    ladder = pack.ladder and Ladder(rng.choice([(0, 1, 3, 5), (0, 0, 2, 9), (0, 2, 4, 6)]), 5)
    regions = ("32",) if rng.random() < 0.1 and pack.binds.kind == "across_provinces" else pack.binds.regions
    return replace(pack, duties=tuple(duties), ladder=ladder, binds=replace(pack.binds, regions=regions))


def as_past(state: ClueState) -> PastClue:
    """The clue's rows, without a database."""
    assert state.discovered_at is not None
    duties = [
        PastDuty(
            d.n, d.id, d.obliged, d.opened_at, d.trigger_at, d.due_at, d.legal_due_at, d.provisional, d.escalates,
            d.suspended, d.breached_at, d.level, d.fulfilled_at, d.was_late, d.cancelled_at,
        )
        for d in state.duties
    ]  # fmt: skip
    return PastClue(
        state.clue_no,
        state.from_agency,
        state.to_agency,
        state.clue["matter"],
        state.discovered_at,
        state.packs,
        frozenset(rows.kinds(state)),
        state.peak_level,
        None,
        duties,
    )


def life_of(seed: int) -> Life:
    """Long and short lives: in a long one nearly always something asks a clock."""
    return random_life(seed, length=3 + seed % 22)


@pytest.mark.parametrize("seed", SEEDS)
def test_played_again_under_its_own_rules_a_clue_is_what_it_was(seed: int) -> None:
    life = life_of(seed)
    assert life.now is not None
    again = whatif.play(life.events, Question(BOOK, BOOK, life.now))
    assert again is not None
    assert again.refused == ()
    assert judged_in(again.state) == judged_in(life.state)
    assert (again.state.stage, again.state.peak_level) == (life.state.stage, life.state.peak_level)


def test_dates_alone_tell_what_playing_tells() -> None:
    """Wherever the short way is taken, over random clues and random rules; and it is taken often enough to mean it."""
    taken = moved = dropped = 0
    for seed in range(600):
        life = life_of(seed)
        assert life.now is not None
        rules = other_rules(seed)
        if life.state.drill or not life.state.exists:
            continue
        found = judged(as_past(life.state), life.now, Clocks(rules))
        if found is None:
            continue
        again = whatif.play(life.events, Question(rules, BOOK, life.now))
        assert again is not None
        assert again.refused == (), seed
        ours = [duty for duty in found if duty is not None]
        assert ours == judged_in(again.state), seed
        assert max((duty.level for duty in ours), default=0) == again.state.peak_level, seed
        taken += 1
        moved += ours != judged_in(life.state)
        dropped += len(ours) < len(found)
    assert taken > 60
    assert moved > 30
    assert dropped > 3


@pytest.mark.parametrize("seed", SEEDS)
def test_what_is_recorded_is_read_as_it_is(seed: int) -> None:
    life = life_of(seed)
    assert life.now is not None
    if life.state.exists:
        assert as_recorded(as_past(life.state), life.now, Clocks(BOOK)) == judged_in(life.state)


def test_a_row_whose_clock_has_run_on_is_read_on() -> None:
    """The state before its last ticks, looked at later, is the state after them; but for suspended clocks."""
    read_on = 0
    for seed in range(200):
        life = life_of(seed)
        assert life.now is not None
        if "duty_reopened" in {event.type for event in life.events} or life.state.drill:
            continue
        earlier = life.state
        life.wait(life.now + timedelta(days=40))
        clue = replace(as_past(earlier), wakeup_at=life.now)
        if as_recorded(clue, life.now, Clocks(BOOK)) == judged_in(earlier):
            continue
        read_on += 1
        assert as_recorded(clue, life.now, Clocks(BOOK)) == judged_in(life.state), seed
    assert read_on > 20


def test_no_act_opens_a_duty_that_the_table_does_not_know() -> None:
    seen: dict[str, set[str]] = {}
    for seed in range(300):
        life = random_life(seed)
        heads: dict[str, set[str]] = {}
        for event in life.events:
            if event.command_id is None:
                continue
            heads.setdefault(event.command_id, set()).add(event.type)
            if event.type == "duty_opened":
                for kind in heads[event.command_id] & PLAIN:
                    seen.setdefault(kind, set()).add(event.data["id"])
    for kinds in seen.values():
        kinds.discard("supervision_reply")
    opened = {kind: ids for kind, ids in seen.items() if not kind.startswith("duty_")}
    assert opened
    for kind, ids in opened.items():
        told = OPENS.get(kind, frozenset()) | (OPENS["notified"] if kind == "reported" else frozenset())
        assert ids <= told, kind


# --- other rules -------------------------------------------------------------------------------------


def test_a_term_is_set_with_its_unit_or_in_the_one_that_it_has() -> None:
    def term(told: str, pack: str, duty: str) -> Term | None:
        found = with_term(BOOK, told).pack(pack)
        assert found is not None
        rule = found.duty(duty)
        assert rule is not None
        return rule.term

    assert term("qwj-2020.evidence_transfer=5", "qwj-2020", "evidence_transfer") == Term(5, "workday")
    assert term("house.ack=2日", "house", "ack") == Term(2, "day")
    assert term("house.ack=none", "house", "ack") is None
    assert term("qwj-2020.case_filing=10day", "qwj-2020", "case_filing") == Term(10, "day")


@pytest.mark.parametrize(
    ("told", "hint"),
    [
        ("qwj2020.ack=3day", "qwj-2020"),
        ("house.akc=3day", "ack"),
        ("house.ack=3week", "workday"),
        ("house.ack", "应写成"),
        ("qwj-2020.case_filing=10", "单位"),
    ],
)
def test_a_mistyped_term_is_told(told: str, hint: str) -> None:
    with pytest.raises(UnknownRule, match=hint):
        with_term(BOOK, told)


def test_days_are_made_free_and_working() -> None:
    made = with_days(BOOK, [date(2026, 10, 9)], [date(2026, 10, 1)]).calendar
    assert not made.is_working(date(2026, 10, 9))
    assert made.is_working(date(2026, 10, 1))
    assert made.is_announced(2026) == BOOK.calendar.is_announced(2026)


# --- counting ----------------------------------------------------------------------------------------


def _duty(id: str, day: int, *, late: bool, level: int = 0, provisional: bool = False) -> Judged:
    when = datetime(2026, 3, day, tzinfo=at("2026-03-01 00:00").tzinfo)
    return Judged(id, "310118.eco", at("2026-03-01 09:00"), when, when, provisional, late, level)


def test_counts_tell_both_sides_apart() -> None:
    tally = Tally()
    then = [
        _duty("ack", 2, late=True, level=1),
        _duty("receipt", 3, late=False),
        _duty("on_scene", 3, late=False),
    ]
    now = [_duty("ack", 4, late=False), _duty("receipt", 2, late=True, level=2),
           _duty("case_filing", 9, late=True, level=4, provisional=True)]  # fmt: skip
    tally.clue(paired(then, now), 1, 4)
    rows = {duty: count for (_, duty), count in tally.rows.items()}
    assert rows["ack"] == Count(owed_then=1, owed_now=1, late_then=1, no_longer=1, later=1)
    assert rows["receipt"] == Count(owed_then=1, owed_now=1, late_now=1, newly=1, earlier=1)
    assert rows["on_scene"] == Count(owed_then=1)
    assert rows["case_filing"] == Count(provisional_now=1, provisional_late_now=1)
    assert (tally.levels_then, tally.levels_now) == ({0: 2, 1: 1}, {0: 1, 2: 1, 4: 1})
    twice = Tally()
    twice.add(tally)
    twice.add(tally)
    assert twice.rows[("310118.eco", "ack")].owed_then == 2
    assert twice.peaks_now == {4: 2}


# --- from the ledger ---------------------------------------------------------------------------------


@pytest.fixture
async def engine(database_url: str) -> AsyncIterator[AsyncEngine]:
    engine = database.create(database_url)
    yield engine
    await engine.dispose()


async def stored(engine: AsyncEngine, count: int, length: int = 12) -> list[Life]:
    lives = []
    for seed in range(count):
        life = random_life(seed, length=3 + seed % length, clue_no=f"XS-{seed:04d}")
        if not life.state.exists:
            continue
        await flush(engine, seal(life.state.clue_no, 0, GENESIS, life.events), BOOK)
        lives.append(life)
    return lives


NOW = datetime(2028, 1, 1, tzinfo=at("2026-03-01 00:00").tzinfo)


async def asked(url: str, rules: Rulebook = BOOK, **more: object) -> Found:
    return await ask(url, Question(rules, BOOK, NOW, **more))  # type: ignore[arg-type]


async def test_both_ways_from_the_ledger_tell_the_same(engine: AsyncEngine, database_url: str) -> None:
    lives = await stored(engine, 120)
    rules = other_rules(7)
    found = await asked(database_url, rules, check=1000)
    exact = await asked(database_url, rules, exact=True)
    real = [life for life in lives if not life.state.drill]
    assert found.differing == []
    assert 0 < found.checked < len(real)
    assert (found.tally.clues, found.drills) == (len(real), len(lives) - len(real))
    assert found.tally.played == len(real) - found.checked
    assert exact.tally.played == len(real)
    assert exact.tally.failed == found.tally.failed == 0
    assert exact.tally.rows == found.tally.rows
    assert (exact.tally.peaks_now, exact.tally.levels_now) == (found.tally.peaks_now, found.tally.levels_now)
    assert any(count.late_now != count.late_then for count in found.tally.rows.values())


async def test_the_same_rules_find_nobody_else_late(engine: AsyncEngine, database_url: str) -> None:
    await stored(engine, 60)
    tally = (await asked(database_url, exact=True)).tally
    assert (
        sum(count.newly + count.no_longer + count.earlier + count.later for count in tally.rows.values()) == 0
    )
    assert tally.levels_then == tally.levels_now
    assert all(count.owed_then == count.owed_now for count in tally.rows.values())


async def test_processes_of_their_own_give_the_same_answer(
    engine: AsyncEngine, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    await stored(engine, 30)
    alone = await asked(database_url, other_rules(3), exact=True)
    monkeypatch.setattr(whatif, "CHUNK", 6)
    monkeypatch.setattr(whatif, "ALONE", 0)
    many = await asked(database_url, other_rules(3), exact=True)
    assert many.tally == alone.tally


async def test_rows_without_kinds_are_played(engine: AsyncEngine, database_url: str) -> None:
    await stored(engine, 40)
    before = await asked(database_url, other_rules(5))
    async with engine.begin() as connection:
        await connection.execute(text("UPDATE clue SET kinds = NULL"))
    after = await asked(database_url, other_rules(5))
    assert before.tally.played < after.tally.played == after.tally.clues
    assert after.tally.rows == before.tally.rows


async def test_only_clues_found_in_that_time_are_asked_about(engine: AsyncEngine, database_url: str) -> None:
    lives = [life for life in await stored(engine, 40) if not life.state.drill]
    days = sorted(life.state.discovered_at.date() for life in lives if life.state.discovered_at)
    middle = days[len(days) // 2]
    late = await asked(database_url, span=Span(first=middle))
    early = await asked(database_url, span=Span(last=middle - timedelta(days=1)))
    assert 0 < late.tally.clues < len(lives)
    assert late.tally.clues + early.tally.clues == len(lives)
    one = await asked(database_url, span=Span(middle, middle))
    assert one.tally.clues == days.count(middle)


async def test_nothing_that_anybody_wrote_leaves_the_ledger(engine: AsyncEngine) -> None:
    lives = await stored(engine, 80)
    written = {"甲", "乙", "疑似偷排", "理由", "不在辖区", "督1", "督2", "某人", "推诿", "现场勘验", "馈1号", "查获两船",
               "某公司", "WJ-01", "QP-01", "件"}  # fmt: skip
    bodies = " ".join(str(event.data) + str(event.actor) for life in lives for event in life.events)
    assert all(word in bodies for word in ("疑似偷排", "不在辖区", "督1", "WJ-01"))
    async with engine.connect() as connection:
        seen = await past.doings(connection, [life.state.clue_no for life in lives])
    assert len(seen) == len(lives)
    text_of = " ".join(str((event.data, event.actor)) for events in seen.values() for event in events)
    assert [word for word in written if word in text_of] == []
    assert "lon" not in text_of


async def test_pages_hold_every_clue_once(engine: AsyncEngine) -> None:
    lives = await stored(engine, 30)
    found = [clue async for page in past.pages(engine, Span(), size=7) for clue in page]
    assert [clue.clue_no for clue in found] == sorted(
        life.state.clue_no for life in lives if not life.state.drill
    )
    states = {life.state.clue_no: life.state for life in lives}
    for clue in found:
        assert [duty.id for duty in clue.duties] == [duty.id for duty in states[clue.clue_no].duties]


def test_random_lives_are_not_all_of_one_kind() -> None:
    assert len({fresh(seed).setup.name for seed in range(100)}) > 8


def test_a_change_of_rules_has_no_place_in_a_past_with_rules_of_its_own() -> None:
    plain, moved = story.reported(), story.reported()
    command = moved.command(
        "2026-05-11 10:00", "change_rules", "000000.eco legal",
        {"change_id": "G1", "reason": "修订", "approver": "某人", "version": "second"},
    )  # fmt: skip
    longer = replace(with_term(BOOK, "house.ack=2day"), version="second")
    outcome = handle(moved.state, command, at("2026-05-11 10:00"), BOOK, longer)
    moved.state, moved.events = outcome.state, [*moved.events, *outcome.events]
    assert moved.state.duties != plain.state.duties
    question = Question(BOOK, BOOK, at("2026-05-12 09:00"))
    again, same = whatif.play(moved.events, question), whatif.play(plain.events, question)
    assert again is not None
    assert same is not None
    assert again.refused == ()
    assert judged_in(again.state) == judged_in(same.state)
    assert not frozenset(rows.kinds(moved.state)) <= PLAIN
