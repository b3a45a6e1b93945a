"""Moments at which somebody asks for a ticket, spread by chance alone."""

from itertools import pairwise

import pytest

from tests.bench.log_share import arrivals


def test_as_many_ask_as_the_rate_says_one_after_the_other_and_none_too_late() -> None:
    moments = arrivals(rate=300, seconds=10)
    assert len(moments) == pytest.approx(3_000, rel=0.1)
    assert moments == sorted(moments)
    assert moments[-1] < 10


def test_some_ask_at_nearly_the_same_moment_as_chance_has_it() -> None:
    moments = arrivals(rate=300, seconds=10)
    gaps = [later - sooner for sooner, later in pairwise(moments)]
    assert sum(gap < 1 / 300 / 10 for gap in gaps) == pytest.approx(0.095 * len(gaps), rel=0.3)


def test_every_run_asks_at_the_same_moments() -> None:
    assert arrivals(300, 1) == arrivals(300, 1)
