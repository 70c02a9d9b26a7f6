"""The words around a notice: complete, harmless, and replaceable without harm."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from notices.letters import samples, spoken
from notices.message import cut
from notices.templates import CHAT, NAMES, OWN, SUBJECT, Templates, check_templates
from tests.notices.test_when import at

NOW = datetime(2024, 4, 8, 2, 0, tzinfo=UTC)
SAMPLES = samples(NOW)


def test_the_program_s_own_templates_are_sound() -> None:
    assert check_templates(OWN, SAMPLES) == []
    assert {path.name for path in OWN.iterdir()} == set(NAMES)


@pytest.mark.parametrize("context", SAMPLES)
def test_each_message_says_where_it_belongs(context: dict[str, object]) -> None:
    message = Templates().render("n", context, {})
    for text in (message.text, message.html, message.markdown):
        assert "XS-000000-20240403-0000" in text
        assert ("演练" in text) == bool(context["drill"])
        assert ("测试通知" in text) == bool(context["test"])
    assert "\n" not in message.subject
    assert "\n\n\n\n" not in message.markdown


def test_an_office_replaces_one_and_keeps_the_others(tmp_path: Path) -> None:
    (tmp_path / SUBJECT).write_text("【本局】{{ items[0].title }}", encoding="utf-8")
    message = Templates(tmp_path).render("n", SAMPLES[0], {})
    assert message.subject == "【本局】渠道测试"
    assert message.text == Templates().render("n", SAMPLES[0], {}).text


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("一行\n{% if %}", "mail.txt.j2:2"),
        ("一行\n{{ items[0].titel }}", "mail.txt.j2:2"),
        ("{{ nobody }}", "模板用不了"),
        ("{{ ''.__class__.__mro__ }}", "unsafe"),
        ("{% for n in range(10 ** 9) %}{% endfor %}", "模板用不了"),
        ("{% include 'none' %}", "模板用不了"),
    ],
)
def test_a_faulty_template_is_found_beforehand_and_harms_nobody(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "mail.txt.j2").write_text(text, encoding="utf-8")
    (problem,) = check_templates(tmp_path, SAMPLES)
    assert said in str(problem)
    assert (
        Templates(tmp_path).render("n", SAMPLES[0], {}).text == Templates().render("n", SAMPLES[0], {}).text
    )


def test_a_template_that_nobody_reads_is_found(tmp_path: Path) -> None:
    (tmp_path / "mail.text.j2").write_text("", encoding="utf-8")
    assert "是不是“mail.txt.j2”" in str(check_templates(tmp_path, SAMPLES)[0])
    assert "没有这个目录" in str(check_templates(tmp_path / "none", SAMPLES)[0])


@given(st.text())
def test_people_s_words_stay_words(said: str) -> None:
    item = {**SAMPLES[0]["items"][0], "title": said, "text": said}
    message = Templates().render("n", {**SAMPLES[0], "items": [item]}, {})
    plain = Templates().render("n", SAMPLES[0], {})
    for sign in "[]<>`!":
        assert message.markdown.count(sign) == plain.markdown.count(sign)
    assert message.html.count("<") == plain.html.count("<")
    assert "\n" not in message.subject


def test_the_template_of_robots_is_among_those_tried() -> None:
    assert CHAT in NAMES


@given(st.text(), st.integers(3, 50))
def test_a_cut_text_fits_and_is_whole_letters(text: str, most: int) -> None:
    found = cut(text, most)
    assert len(found.encode()) <= most
    assert found == text or text.startswith(found[:-1])


def test_a_midnight_is_said_with_the_weekday_that_ends() -> None:
    assert spoken(at("2024-04-10 00:00")) == "2024-04-09 24:00（周二）"
    assert spoken(at("2024-04-09 14:00")) == "2024-04-09 14:00（周二）"
