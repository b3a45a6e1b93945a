"""The reference of reason codes is the closed list, no more and no less."""

from pathlib import Path

import pytest

from broker.errors import REASONS, Reason
from broker.http.oauth.clients import ClientCause
from broker.http.oauth.tokens import Cause
from tests.docs.render_reasons import rendered

PAGE = Path(__file__).parents[2] / "docs" / "reasons.md"


def test_every_reason_says_how_it_looks_from_outside() -> None:
    assert set(REASONS) == set(Reason)


def test_no_two_reasons_behind_one_shown_code_can_be_told_apart() -> None:
    for facts in REASONS.values():
        assert facts == REASONS[facts.shown_as]


@pytest.mark.parametrize("cause", [*Cause, *ClientCause])
def test_every_cause_in_the_log_is_in_the_reference(cause: Cause | ClientCause) -> None:
    assert f"| `{cause}` | {cause.meaning} |" in PAGE.read_text()


def test_the_reference_page_is_current() -> None:
    assert PAGE.read_text() == rendered()
