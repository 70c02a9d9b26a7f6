"""The environment is read as documented, and a wrong value is named."""

from pathlib import Path

import pytest

from runtime.errors import BadSettings
from runtime.settings import Settings, load_settings

OPERATION = Path(__file__).resolve().parents[2] / "docs" / "operation.md"


@pytest.fixture(autouse=True)
def _bare_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in variables():
        monkeypatch.delenv(name, raising=False)


def variables() -> list[str]:
    """The environment's name of every setting."""
    return [
        str(field.validation_alias or f"CLUEFLOW_{name.upper()}")
        for name, field in Settings.model_fields.items()
    ]


def test_defaults_need_no_environment() -> None:
    settings = load_settings()
    assert (settings.data_dir, settings.task_queue, settings.retention_days) == (
        Path(".clueflow"),
        "clueflow",
        7,
    )
    assert settings.database_url is None


@pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+asyncpg"])
def test_any_usual_scheme_gets_the_async_driver(monkeypatch: pytest.MonkeyPatch, scheme: str) -> None:
    monkeypatch.setenv("DATABASE_URL", f"{scheme}://u@h/d")
    assert load_settings().database_url == "postgresql+asyncpg://u@h/d"


def test_an_empty_address_is_none_given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "")
    monkeypatch.setenv("TEMPORAL_ADDRESS", "")
    settings = load_settings()
    assert (settings.database_url, settings.temporal_address) == (None, None)


@pytest.mark.parametrize(
    ("name", "value"),
    [("CLUEFLOW_WEB_PORT", "http"), ("CLUEFLOW_RETENTION_DAYS", "0"), ("DATABASE_URL", "mysql://h/d")],
)
def test_a_wrong_value_is_named(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(BadSettings) as caught:
        load_settings()
    assert f"{name}={value}" in str(caught.value)
    assert caught.value.exit_code == 2


def test_the_documentation_lists_every_setting() -> None:
    text = OPERATION.read_text()
    for name, field in zip(variables(), Settings.model_fields.values(), strict=True):
        assert f"| `{name}` |" in text
        assert field.description is not None
        assert field.description in text
