"""A real clue written as a scenario is the same clue told again, without the people in it."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from domain import commands, labels
from domain.commands import SHAPES
from domain.lifecycle import handle
from domain.model import Actor, Command, Event, Json, blank, shanghai_day
from rehearsal.acts import HEADS, Act, UnknownAct, acts_of, command_of, surer
from rehearsal.altered import with_term
from rehearsal.durable import play_durable
from rehearsal.player import placer_for, play_core
from rehearsal.recording import Recorded, record
from rehearsal.replay import SKIPPED
from rehearsal.scenario import load_scenario
from runtime.embedded.postgres import EmbeddedPostgres
from runtime.facts import facts_for
from tests.domain.story import at, reported
from tests.domain.strategies import EXAMPLES
from tests.oracle.cases import OFFICERS
from tests.rehearsal.lives import RULES, Life, random_life, told

SCENARIOS = sorted((Path(__file__).parents[2] / "scenarios").glob("*.yaml"))
COUNT = 60


def acts(life: Life, *, histories: bool = True) -> tuple[Act, ...]:
    found = acts_of(life.events)
    return tuple(surer(act, life.sent, life.events) for act in found) if histories else found


def recorded(life: Life, *, histories: bool = True, keep_text: bool = False) -> Recorded:
    assert life.now is not None
    return record(life.events, acts(life, histories=histories), RULES, life.now, keep_text=keep_text)


def ends_alike(text: str, life: Life, tmp_path: Path) -> None:
    """The text passes as a scenario, and ends as the clue did, each duty with its dates."""
    path = tmp_path / "recorded.yaml"
    path.write_text(text)
    result = play_core(load_scenario(path, RULES), RULES)
    assert [(step.n, step.why) for step in result.steps if not step.passed] == []
    kept = [(d.id, d.obliged, d.status, d.due_at.isoformat(), d.level) for d in life.state.duties]
    duties = result.final["duties"]
    shown = [(d["id"], d["obliged"], d["status"], d["due_at"]) for d in duties]
    assert shown == [one[:4] for one in kept]
    assert (result.final["stage"], result.final["level"], result.final["peak_level"]) == (
        life.state.stage,
        life.state.level,
        life.state.peak_level,
    )


@pytest.mark.parametrize("seed", range(COUNT))
def test_a_random_life_ends_the_same_when_played_from_its_record(seed: int, tmp_path: Path) -> None:
    life = random_life(seed)
    if not life.events:
        pytest.fail("a life that never began proves nothing")
    made = recorded(life)
    assert made.differences == ()
    assert made.sure == made.commands == len(life.sent)
    ends_alike(made.text, life, tmp_path)


def test_officers_whom_no_list_knows_any_more_are_taken_to_have_been_authorised(tmp_path: Path) -> None:
    """From the events alone, today's lists being those of the rules, which have none of a scenario's officers."""
    convened = 0
    for path in SCENARIOS:
        life = told(load_scenario(path, RULES))
        made = recorded(life, histories=False)
        assert made.sure == 0
        assert made.differences == (), path.stem
        ends_alike(made.text, life, tmp_path)
        convened += any(event.type == "inspection_convened" for event in life.events)
    assert convened > 2


@pytest.mark.parametrize("path", SCENARIOS, ids=lambda path: path.stem)
def test_a_told_case_ends_the_same_when_played_from_its_record(path: Path, tmp_path: Path) -> None:
    life = told(load_scenario(path, RULES))
    made = recorded(life)
    assert made.differences == ()
    ends_alike(made.text, life, tmp_path)
    ends_alike(recorded(life, keep_text=True).text, life, tmp_path)


@pytest.mark.parametrize("seed", range(COUNT))
def test_events_alone_tell_every_command(seed: int) -> None:
    """Without any history: the same names, actors, instants, and data that mean the same."""
    life = random_life(seed)
    found = acts_of(life.events)
    assert [(a.command.id, a.command.name, a.command.actor) for a in found] == [
        (c.id, c.name, c.actor) for c in life.sent.values()
    ]
    for act in found:
        was = commands.checked(life.sent[act.command.id], "XS-1", act.at)
        got = commands.checked(act.command, "XS-1", act.at)
        if act.command.name in (
            "report",
            "notify",
        ):  # who is meant is written out, where it was left to the place
            for data in (was, got):
                for key in ("to_agency", "from_agency", "clue_no"):
                    data.pop(key, None)
        if act.command.name == "send_transfer":
            was["letter_no"] = got["letter_no"]  # assigned where it was absent
        for data in (was, got):
            if "manifest" in data:
                data["manifest"] = list(dict.fromkeys(data["manifest"]))
        assert got == was


async def test_the_record_passes_through_real_workflows_too(
    tmp_path: Path, postgres: EmbeddedPostgres
) -> None:
    for seed in (3, 11):
        path = tmp_path / f"recorded-{seed}.yaml"
        path.write_text(recorded(random_life(seed)).text)
        result = await play_durable(load_scenario(path, RULES), RULES, postgres)
        assert [(step.n, step.why) for step in result.steps if not step.passed] == []


# --- no command is forgotten -------------------------------------------------------------------------


def test_every_command_of_the_core_has_its_event() -> None:
    assert set(SHAPES) <= set(HEADS.values())
    assert {event for event, name in HEADS.items() if name in SHAPES} <= set(labels.EVENTS)


def test_every_command_of_the_core_is_read_back_from_real_events() -> None:
    """Lives that reach each of the core's commands; a new command fails here until one does, but for those that
    come with a rulebook: no file holds one."""
    lives = [*(random_life(seed) for seed in range(150)), *(told(load_scenario(p, RULES)) for p in SCENARIOS)]
    seen: dict[str, Json] = {}
    for life in lives:
        for act in acts_of(life.events):
            assert act.command.name == life.sent[act.command.id].name
            seen[act.command.name] = act.command.data
    assert set(SHAPES) - set(seen) <= SKIPPED
    for name, data in seen.items():
        assert set(data) <= set(SHAPES[name].fields), name


def test_a_command_that_the_table_lacks_is_told_by_its_digest(monkeypatch: pytest.MonkeyPatch) -> None:
    life = told(load_scenario(SCENARIOS[0], RULES))
    whole = [act.command for act in acts_of(life.events)]
    # The report and a notice are told in other words: their data is not as it came.
    kept = {event: name for event, name in HEADS.items() if name in ("report", "notify")}
    monkeypatch.setattr("rehearsal.acts.HEADS", kept)
    unknown = [event for event in life.events if event.digest and event.type == "acknowledged"]
    assert unknown
    assert command_of(unknown[:1]) in whole
    with pytest.raises(UnknownAct, match="acknowledged"):
        command_of([replace(unknown[0], digest="0" * 32)])


# --- nothing about people ----------------------------------------------------------------------------

SURNAMES = "赵钱孙李周吴郑王冯陈褚卫蒋沈韩杨"
GIVEN = "建国秀英淑兰志强桂芳海燕晓东玉梅德才福生"
names = st.builds(
    lambda s, a, b: s + a + b, st.sampled_from(SURNAMES), st.sampled_from(GIVEN), st.sampled_from(GIVEN)
)
phones = st.integers(13_000_000_000, 19_999_999_999).map(str)
identities = st.integers(10**16, 10**17 - 1).map(lambda n: f"{n}X")
plates = st.builds(lambda p, n: f"{p}E{n}", st.sampled_from("苏沪浙"), st.integers(10_000, 99_999).map(str))
vessels = st.builds(lambda s, n: f"{s}运货{n}", st.sampled_from("苏皖鲁"), st.integers(1000, 9999))
mmsis = st.integers(412_000_000, 414_000_000).map(str)
officer_ids = st.builds(lambda n: f"ZF{n}", st.integers(10_000, 99_999))

people = st.fixed_dictionaries(
    {
        "suspect": names, "id_no": identities, "phone": phones, "vessel": vessels, "mmsi": mmsis, "driver": names,
        "driver_phone": phones, "boss": names, "reporter": names, "reporter_phone": phones, "officer": names,
        "officer_id": officer_ids, "plate": plates,
    }
)  # fmt: skip


def private_life(p: dict[str, str], letters: str) -> Life:
    """A life in which people stand in their fields, and in every text that somebody may write."""
    story = f"{letters}{p['suspect']}（{p['id_no']}，电话{p['phone']}）驾{p['vessel']}，车{p['plate']}，{p['driver']}称{letters}"
    actor = Actor("320509.eco", "approver", p["officer"], p["officer_id"])
    other = Actor("310118.eco", "approver", p["reporter"])
    life = Life(blank("XS-1"), OFFICERS)
    start = at("2026-05-11 09:00")
    report: dict[str, Any] = {
        "source": "patrol", "source_ref": p["phone"], "title": f"{p['suspect']}偷排", "description": story,
        "matter": "wastewater", "discovered_at": start.isoformat(), "to_agency": "310118.eco", "seizure": story,
        "place": {"lon": 120.845123, "lat": 31.115321, "address": f"{p['boss']}家门口", "region": "310118"},
        "suspects": [{"kind": "person", "name": p["suspect"], "id_no": p["id_no"], "phone": p["phone"]}],
        "vehicles": [{"kind": "vessel", "name": p["vessel"], "mmsi": p["mmsi"], "driver": p["driver"],
                      "driver_phone": p["driver_phone"],
                      "track": [{"at": start.isoformat(), "lon": 120.845123, "lat": 31.115321}]},
                     {"kind": "truck", "name": p["plate"]}],
        "responsible_persons": [p["boss"], {"姓名": p["boss"], p["driver"]: p["driver_phone"]}],
        "reporter": {"name": p["reporter"], "phone": p["reporter_phone"], "confidential": True},
        "waste": {"type": story, "origin": p["boss"], "quantity_t": 3, "destination": story},
    }  # fmt: skip
    steps: list[tuple[str, Actor, dict[str, Any]]] = [
        ("report", Actor("320509.eco", "officer", p["officer"], p["officer_id"]), report),
        ("acknowledge", other, {"message": story}),
        ("amend_clue", actor, {"changes": {"suspects": [{"name": p["boss"]}], "description": story}}),
        ("add_evidence", actor, {"items": [{
            "name": f"{p['suspect']}.jpg", "sha256": "ab" * 32, "size": 1, "media_type": "image/jpeg",
            "kind": "photo", "taken_by": p["officer"]}]}),
        ("start_transfer", actor, {"note": story}),
        ("send_transfer", actor, {"letter_no": f"{p['boss']}1号", "manifest": ["ab" * 32], "signature": p["officer"]}),
        ("return_transfer", other, {"reason": story, "missing": [f"{p['suspect']}的笔录"]}),
        ("send_transfer", actor, {"manifest": ["ab" * 32]}),
        ("receive_transfer", other, {"manifest": ["ab" * 32], "signature": p["reporter"]}),
        ("request_extension", other, {"duty": "written_feedback", "days": 3, "reason": story}),
        ("give_feedback", other, {"letter_no": "馈1号", "outcome": "penalty", "details": story, "documents": [story]}),
        ("accept_feedback", actor, {}),
        ("close", actor, {}),
        ("commend", Actor("000000.eco", "approver", p["boss"]), {
            "units": ["320509.eco"], "persons": [p["officer"]], "facts": story}),
    ]  # fmt: skip
    for n, (name, who, data) in enumerate(steps):
        assert life.do(start + timedelta(hours=n), f"{p['suspect']}-{n}", name, who, data), name
    return life


@pytest.mark.parametrize("keep_text", [False, True])
@pytest.mark.parametrize("histories", [False, True])
@given(p=people, letters=st.text("的在了，。河边 ", max_size=6))
def test_no_personal_value_is_in_the_file(
    tmp_path_factory: pytest.TempPathFactory,
    keep_text: bool,
    histories: bool,
    p: dict[str, str],
    letters: str,
) -> None:
    life = private_life(p, letters)
    made = recorded(life, keep_text=keep_text, histories=histories)
    assert made.differences == ()
    assert [value for value in p.values() if value in made.text] == []
    assert "120.845" not in made.text
    assert "ab" * 32 not in made.text
    ends_alike(made.text, life, tmp_path_factory.getbasetemp())


def test_a_number_that_no_field_holds_is_taken_out_of_kept_text() -> None:
    life = Life(blank("XS-1"))
    data = {**EXAMPLES["report"], "description": "另有13912345678与苏E12345、412345678、320583199001011234"}
    assert life.do(at("2026-05-11 09:00"), "c1", "report", Actor("320509.eco", "officer", "某人"), data)
    text = recorded(life, keep_text=True).text
    assert "另有" in text
    for number in ("13912345678", "苏E12345", "412345678", "320583199001011234"):
        assert number not in text


def test_coordinates_alone_leave_only_the_region_that_they_told(tmp_path: Path) -> None:
    data = {**EXAMPLES["report"], "place": {"lon": 120.9331, "lat": 31.1234, "radius_m": 0}}
    del data["to_agency"], data["from_agency"]
    actor = Actor("320509.eco", "officer", "某人")
    facts = facts_for(
        RULES, "report", data, actor, shanghai_day(at("2026-05-11 09:00")), None, placer_for(RULES)
    )
    life = Life(blank("XS-1"), now=at("2026-05-11 09:00"))
    command = Command("c1", "report", actor, data, facts)
    outcome = handle(life.state, command, at("2026-05-11 09:00"), RULES.rulebook)
    life.state, life.events, life.sent = outcome.state, list(outcome.events), {"c1": command}
    for histories in (True, False):
        made = recorded(life, histories=histories)
        assert made.differences == ()
        ends_alike(made.text, life, tmp_path)
        assert yaml.safe_load(made.text)["steps"][0]["with"]["place"] == {
            "region": life.state.place_region,
            "radius_m": 0,
        }
        assert "120.9" not in made.text


def test_the_same_person_has_the_same_name_throughout() -> None:
    p = dict.fromkeys(
        ("id_no", "phone", "vessel", "mmsi", "driver_phone", "boss", "reporter", "reporter_phone", "officer",
         "officer_id", "plate"), "",
    )  # fmt: skip
    p = {key: f"值{n}号某某" for n, key in enumerate(p)} | {"suspect": "王建国", "driver": "王建国"}
    content = yaml.safe_load(recorded(private_life(p, "")).text)
    report = content["steps"][0]["with"]
    assert report["suspects"][0]["name"] == report["vehicles"][0]["driver"]


def test_words_alone_are_replaced_and_what_the_engine_judges_by_is_kept() -> None:
    p = {key: f"值{n}某某" for n, key in enumerate(("suspect", "id_no", "phone", "vessel", "mmsi", "driver",
         "driver_phone", "boss", "reporter", "reporter_phone", "officer", "officer_id", "plate"))}  # fmt: skip
    steps = yaml.safe_load(recorded(private_life(p, "")).text)["steps"]
    report = steps[0]["with"]
    assert (report["matter"], report["place"]["region"], report["waste"]["quantity_t"]) == (
        "wastewater",
        "310118",
        3,
    )
    assert "lon" not in report["place"]
    extension = next(step for step in steps if step.get("do") == "request_extension")["with"]
    assert (extension["duty"], extension["days"]) == ("written_feedback", 3)


def test_a_record_that_today_s_rules_would_end_otherwise_says_where() -> None:
    life = random_life(1)
    other = Life(life.state, events=list(life.events), sent=life.sent, now=life.now)
    shorter = [event if event.type != "duty_opened" else _moved(event) for event in other.events]
    other.events = shorter
    assert recorded(other).differences


def test_a_change_of_rules_is_left_out_and_the_record_plays_by_the_rules_that_the_clue_came_to() -> None:
    told = reported()
    newer = replace(with_term(RULES.rulebook, "house.ack=8hour"), version="second")
    command = told.command(
        "2026-05-11 10:00", "change_rules", "000000.eco legal",
        {"change_id": "G1", "reason": "修订", "approver": "某人", "version": "second"},
    )  # fmt: skip
    outcome = handle(told.state, command, at("2026-05-11 10:00"), RULES.rulebook, newer)
    events = [*told.events, *outcome.events]
    moved = replace(RULES, rulebook=newer)
    made = record(events, acts_of(events), moved, at("2026-05-11 11:00"))
    assert (made.changes, made.differences) == (1, ())
    assert [step.get("do") for step in yaml.safe_load(made.text)["steps"]] == ["report", None]
    assert "换用过 1 次规则" in made.text
    before = record(events, acts_of(events), RULES, at("2026-05-11 11:00"))
    assert [why for why in before.differences if "due.ack" in why]


def _moved(event: Event) -> Event:
    return replace(event, data={**event.data, "due_at": "2019-01-01T00:00:00+08:00"})
