"""The rules that are shipped hold what their sources say."""

from __future__ import annotations

from datetime import date, datetime

import pytest

from domain.calendar import SHANGHAI, Term
from runtime.rules import DEFAULT_FOLDER, UnknownRule, check_rules, explain, load_rules

RULES = load_rules()
BOOK = RULES.rulebook
ON = date(2026, 11, 22)


def test_the_shipped_folder_has_no_problem() -> None:
    assert check_rules(DEFAULT_FOLDER) == []


def test_the_same_folder_is_read_once() -> None:
    assert load_rules() is load_rules(DEFAULT_FOLDER)


TERMS = [
    ("qwj-2020", "evidence_transfer", Term(3, "workday"), "explicit"),
    ("yrd-solid-waste-trial", "start_transfer", Term(10, "day"), "assumption"),
    ("yrd-solid-waste-trial", "complete_transfer", Term(15, "day"), "assumption"),
    ("jx-2021-11", "damage_notice", Term(3, "day"), "assumption"),
    ("criminal-link", "police_approval", Term(3, "day"), "explicit"),
    ("criminal-link", "police_transfer", Term(24, "hour"), "explicit"),
    ("criminal-link", "police_decision", Term(3, "day"), "explicit"),
    ("detention-link", "detention_transfer", Term(3, "workday"), "explicit"),
    ("house", "ack", Term(4, "hour"), "agreed"),
    ("house", "first_contact", Term(0, "day", roll=False), "agreed"),
    ("house", "on_scene", Term(12, "hour"), "agreed"),
    ("house", "receipt", Term(2, "workday"), "agreed"),
    ("house", "case_filing", Term(15, "day"), "agreed"),
    ("house", "written_feedback", Term(30, "day"), "agreed"),
    ("house", "dispute_ruling", Term(5, "workday"), "agreed"),
    ("house", "damage_investigation", Term(1, "workday"), "agreed"),
    ("house", "rectification_report", Term(30, "day"), "agreed"),
]


def test_terms_units_and_their_bases() -> None:
    found = [(p.id, d.id, d.term, d.unit_basis) for p in BOOK.packs for d in p.duties if d.term is not None]
    assert sorted(found, key=str) == sorted(TERMS, key=str)


def test_only_first_contact_never_escalates_and_only_the_order_gives_its_own_term() -> None:
    rules = [d for p in BOOK.packs for d in p.duties]
    assert {d.id for d in rules if not d.escalates} == {"first_contact"}
    assert {d.id for d in rules if d.from_order} == {"supervision_reply"}


def test_duties_without_a_number_are_stated_by_their_packs() -> None:
    stated = {(p.id, d.id) for p in BOOK.packs for d in p.duties if d.term is None and not d.from_order}
    assert ("jx-2021-11", "damage_investigation") in stated
    assert ("jx-2021-11", "rectification_report") in stated
    assert ("qwj-2020", "written_feedback") in stated


def test_the_mutual_recognition_pack() -> None:
    qwj = BOOK.pack("qwj-2020")
    assert qwj is not None
    assert (qwj.lists_required, qwj.leader_visiting, qwj.local_present, qwj.quorum) == (True, True, True, 2)
    assert (qwj.evidence_required, qwj.feedback_required, qwj.arbiter) == (True, True, "group.qwj")
    assert qwj.in_force_from == date(2020, 5, 20)
    others = [p for p in BOOK.packs if p.id != "qwj-2020"]
    assert not any(p.lists_required or p.quorum or p.arbiter or p.evidence_required for p in others)


def test_the_trial_packs_mandatory_fields() -> None:
    trial = BOOK.pack("yrd-solid-waste-trial")
    assert trial is not None
    assert trial.status == "trial"
    assert (trial.in_force_from, trial.in_force_basis) == (date(2024, 1, 1), "assumption")
    assert set(trial.mandatory_fields) == {
        "source",
        "seizure",
        "suspects",
        "waste.type",
        "waste.origin",
        "waste.quantity_t",
        "waste.destination",
    }


def test_the_ladder_is_the_houses() -> None:
    ladders = {p.id: p.ladder for p in BOOK.packs if p.ladder}
    assert list(ladders) == ["house"]
    assert ladders["house"].steps == (0, 1, 3, 5)
    assert ladders["house"].idle_workdays == 5


@pytest.mark.parametrize(
    ("agency", "on", "status"),
    [
        ("320583.eco", ON, "ok"),
        ("000000.gov", ON, "ok"),
        ("310000.police", ON, "ok"),
        ("group.qwj", ON, "ok"),
        ("group.nobody", ON, "unknown"),
        ("999999.eco", ON, "unknown"),
        ("320583.nothing", ON, "unknown"),
        ("320584.eco", ON, "not_in_force"),  # 吴江市, dissolved in 2012
        ("320584.eco", date(2012, 8, 31), "ok"),
        ("320509.eco", date(2012, 8, 31), "not_in_force"),
        ("320509.eco", date(2012, 9, 1), "ok"),
    ],
)
def test_agencies_live_as_long_as_their_region(agency: str, on: date, status: str) -> None:
    assert RULES.agency_status(agency, on) == status


@pytest.mark.parametrize(
    ("agency", "name"),
    [
        ("320583.eco", "苏州市昆山生态环境局"),
        ("360281.eco", "乐平市生态环境局"),
        ("310000.police", "上海市公安局"),
        ("360000.police", "江西省公安厅"),
        ("000000.eco", "生态环境部"),
        ("320106.eco", "南京市鼓楼区生态环境局"),
        ("group.qwj", "青吴嘉统一执法工作协调联络组"),
        ("nonsense", "nonsense"),
    ],
)
def test_agencies_have_chinese_names(agency: str, name: str) -> None:
    assert RULES.agency_name(agency) == name


def test_every_county_in_force_has_its_province() -> None:
    from domain.agencies import parent_region

    orphans = [
        code
        for code, rows in RULES.regions.items()
        if rows[-1].valid(ON)
        and (above := parent_region(code))
        and above[2:] == "0000"
        and above not in RULES.regions
    ]
    assert orphans == []


def test_matters_go_to_the_department_of_the_day() -> None:
    assert RULES.department_for("construction_waste", date(2024, 4, 3)) == "urban"
    assert RULES.department_for("wastewater", ON) == "eco"
    assert "固体废物" in RULES.matter_basis("construction_waste", date(2026, 8, 14)).basis
    assert "法典" in RULES.matter_basis("construction_waste", date(2026, 8, 15)).basis
    with pytest.raises(UnknownRule):
        RULES.department_for("unheard", ON)


def test_both_lists_must_allow_the_officer_that_day() -> None:
    assert RULES.authorised("QP-01", "320583", "construction_waste", date(2024, 4, 4))
    assert RULES.authorised("QP-01", "320509", "wastewater", date(2024, 4, 4))
    assert not RULES.authorised("QP-01", "320583", "wastewater", date(2024, 4, 4))
    assert not RULES.authorised("QP-01", "320583", "construction_waste", date(2023, 12, 31))
    assert RULES.authorised("WJ-03", "310118", "other", date(2025, 12, 31))
    assert not RULES.authorised("WJ-03", "310118", "other", date(2026, 1, 1))
    officer = RULES.officer("KS-01")
    assert officer is not None
    assert officer.agency == "320583.eco"
    assert RULES.officer("XX-99") is None


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=SHANGHAI)


def test_explaining_a_date_answers_in_the_contracts_words() -> None:
    answer = explain(RULES, "evidence_transfer", "qwj-2020", at("2024-04-03T16:00"))
    assert answer["due_at"] == answer["legal_due_at"] == "2024-04-10T00:00:00+08:00"
    assert answer["from"] == "2024-04-03T16:00:00+08:00"
    assert (answer["term"], answer["unit"], answer["unit_basis"]) == (3, "workday", "explicit")
    assert answer["provisional"] is False
    assert answer["days"][0] == {"date": "2024-04-03", "counted": False, "why": "触发日"}
    assert answer["days"][1] == {"date": "2024-04-04", "counted": False, "why": "清明节"}
    assert answer["days"][4] == {"date": "2024-04-07", "counted": True, "why": "调休上班"}


def test_explaining_a_suspension_leaves_out_both_its_days() -> None:
    spans = [(date(2024, 4, 8), date(2024, 4, 9))]
    answer = explain(RULES, "evidence_transfer", "qwj-2020", at("2024-04-03T16:00"), spans, extended=1)
    assert answer["due_at"] == "2024-04-13T00:00:00+08:00"
    assert [d["why"] for d in answer["days"] if d["date"] in ("2024-04-08", "2024-04-09")] == ["中止", "中止"]


def test_a_duty_stated_without_a_number_takes_the_houses() -> None:
    answer = explain(RULES, "written_feedback", "qwj-2020", at("2024-04-08T09:00"))
    assert (answer["pack"], answer["stated_by"], answer["term"]) == ("house", "qwj-2020", 30)
    assert answer["unit_basis"] == "agreed"


@pytest.mark.parametrize(
    ("duty", "pack", "said"),
    [
        ("evidence_transfer", "qwj-2021", "qwj-2020"),
        ("evidence_transfr", "qwj-2020", "evidence_transfer"),
        ("receipt", "qwj-2020", "没有义务"),
        ("supervision_reply", "house", "督办单"),
    ],
)
def test_what_cannot_be_explained_is_said(duty: str, pack: str, said: str) -> None:
    with pytest.raises(UnknownRule, match=said):
        explain(RULES, duty, pack, at("2024-04-03T16:00"))
