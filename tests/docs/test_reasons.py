"""The reference of reason codes is the closed list, no more and no less."""

from pathlib import Path

from broker.errors import REASONS, Reason
from tests.docs.render_reasons import rendered

PAGE = Path(__file__).parents[2] / "docs" / "reasons.md"


def test_every_reason_says_how_it_looks_from_outside() -> None:
    assert set(REASONS) == set(Reason)


def test_no_two_reasons_behind_one_shown_code_can_be_told_apart() -> None:
    for facts in REASONS.values():
        assert facts == REASONS[facts.shown_as]


def test_the_reference_page_is_current() -> None:
    assert PAGE.read_text() == rendered()
