"""What people type becomes the data of a command, with the type that the field wants."""

from pathlib import Path

import pytest
import typer

from cli.given import actor, data_of, word
from domain.labels import MATTERS
from domain.model import Actor


def test_actor_with_and_without_officer() -> None:
    assert actor("310118.eco:officer:甲:QP-01") == Actor("310118.eco", "officer", "甲", "QP-01")
    assert actor("310118.eco：liaison：乙") == Actor("310118.eco", "liaison", "乙")


@pytest.mark.parametrize(
    ("name", "sets", "data"),
    [
        ("acknowledge", ["message=收到=是"], {"message": "收到=是"}),
        ("acknowledge", ["message=123"], {"message": "123"}),
        ("dispute_jurisdiction", ["suggested_region=310118", "reason=x"], {"suggested_region": "310118", "reason": "x"}),
        ("request_extension", ["days=5", "duty=ack"], {"days": 5, "duty": "ack"}),
        ("decide_extension", ["approved=true"], {"approved": True}),
        ("send_transfer", ['manifest=["aa"]'], {"manifest": ["aa"]}),
        ("amend_clue", ["changes.waste.quantity_t=3.5"], {"changes": {"waste": {"quantity_t": 3.5}}}),
        ("nothing_like_it", ["n=1"], {"n": 1}),
    ],
)  # fmt: skip
def test_set_gives_the_type_of_the_field(name: str, sets: list[str], data: dict[str, object]) -> None:
    assert data_of(name, None, sets) == data


def test_set_goes_over_data_and_data_over_nothing(tmp_path: Path) -> None:
    assert data_of("withdraw", '{"reason": "a"}', ["reason=b"]) == {"reason": "b"}
    path = tmp_path / "data.yaml"
    path.write_text("reason: 误报\n")
    assert data_of("withdraw", f"@{path}", []) == {"reason": "误报"}


@pytest.mark.parametrize("typed", ["construction_waste", "建筑垃圾"])
def test_a_name_is_typed_as_in_the_code_or_as_people_say_it(typed: str) -> None:
    assert word("--matter", typed, MATTERS) == "construction_waste"
    assert actor("310118.eco:执法人员:甲") == actor("310118.eco:officer:甲")


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("建筑", "--matter：没有“建筑”，是否想写 construction_waste（建筑垃圾）"),
        ("construction_wast", "是否想写 construction_waste（建筑垃圾）"),
        ("x", "可写 solid_waste（固体废物）、"),
        ("", "--matter：没有“”；可写 solid_waste"),
    ],
)
def test_a_name_that_is_none_is_answered_with_the_nearest_or_all(typed: str, said: str) -> None:
    with pytest.raises(typer.BadParameter) as caught:
        word("--matter", typed, MATTERS)
    assert said in str(caught.value.message)
