"""Documents that say they are drawn from the code are the code's newest drawing."""

from __future__ import annotations

from pathlib import Path

import pytest

from scripts import lifecycle

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("name", ["README.md", "docs/lifecycle.md"])
def test_drawn_parts_are_the_newest(name: str) -> None:
    text = (ROOT / name).read_text(encoding="utf-8")
    assert "<!-- drawn:" in text
    assert lifecycle.filled(text) == text, "run: python scripts/lifecycle.py --write"
