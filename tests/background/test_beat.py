"""Work on a beat outlives its failures and says of them only what may be said."""

import logging
import threading

import pytest

from broker.background import Beat
from broker.errors import LogUnavailable

SECRET = "canary-in-an-exception"


def run_until(times: int, failure: Exception) -> None:
    """Let the action fail so often, then succeed once."""
    done = threading.Event()
    calls: list[int] = []

    def action() -> None:
        calls.append(1)
        if len(calls) <= times:
            raise failure
        done.set()

    beat = Beat("the-beat", 0.01, action).start()
    assert done.wait(10)
    beat.close()


def test_a_defect_is_logged_by_its_kind_and_place_and_the_beat_goes_on(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with caplog.at_level(logging.ERROR):
        run_until(2, KeyError(SECRET))
    assert caplog.text.count("KeyError at test_beat.py:") == 2
    assert SECRET not in caplog.text


def test_an_error_of_ours_is_one_line(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.ERROR):
        run_until(1, LogUnavailable("the disk is full"))
    (record,) = caplog.records
    assert "the disk is full" in record.getMessage()
    assert record.exc_info is None
