"""A vCenter that stalls costs the requests for its own hosts, and no others."""

from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import pytest
import requests

from tests.support.stack import until
from tests.support.vcenters import Vcenters, several_vcenters

STUCK_S = 60.0
CALL_TIMEOUT_S = 6
"""Longer than what is asked meanwhile takes, however slow the machine."""
MANY = 20
"""More than the threads of the broker."""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Vcenters]:
    with several_vcenters(tmp_path_factory.mktemp("site"), "stuck", "jammed") as site:
        site.stack.edit("vcenters.yaml", with_timeout)
        site.serve()
        yield site


def with_timeout(vcenters: dict[str, Any]) -> None:
    for entry in vcenters["vcenters"].values():
        entry["call_timeout_s"] = CALL_TIMEOUT_S


@contextmanager
def stalled(site: Vcenters, *names: str) -> Iterator[Sequence[Future[requests.Response]]]:
    """These vCenters take calls and answer none, and more is asked of each than it has places."""
    for name in names:
        site.knobs[name].set_latency("*", STUCK_S)
    with ThreadPoolExecutor(MANY * len(names)) as pool:
        asked = [pool.submit(site.ask, name) for _ in range(MANY) for name in names]
        until(lambda: any(each.done() for each in asked), "the first refusal")
        yield asked
    for name in names:
        site.knobs[name].set_latency("*", 0)


def assert_stalled_still(asked: Sequence[Future[requests.Response]]) -> None:
    """No call has run into its timeout yet: whoever has an answer was refused for want of a place."""
    answers = [each.result() for each in asked if each.done()]
    assert 0 < len(answers) < len(asked)
    for answer in answers:
        assert_refused(answer)


def assert_refused(answer: requests.Response) -> None:
    assert (answer.status_code, answer.json()["code"]) == (503, "vcenter_busy")
    assert answer.headers["Retry-After"] == "1"


def test_a_vcenter_that_stalls_refuses_its_own_and_keeps_no_other_waiting(site: Vcenters) -> None:
    with stalled(site, "stuck") as asked:
        assert [site.ask("lab").status_code for _ in range(20)] == [200] * 20
        assert_refused(site.ask("stuck"))
        assert_stalled_still(asked)
    assert {each.result().headers["Retry-After"] for each in asked} == {"1", "5"}


def test_two_vcenters_that_stall_leave_the_third_its_threads(site: Vcenters) -> None:
    with stalled(site, "stuck", "jammed") as asked:
        assert [site.ask("lab").status_code for _ in range(20)] == [200] * 20
        assert_stalled_still(asked)
        break_off(site, "stuck", "jammed")


def break_off(site: Vcenters, *names: str) -> None:
    """End the calls that run: what becomes of them is not the test's, and takes as long as their timeout."""
    for name in names:
        site.knobs[name].stop_vcenter()
        site.knobs[name].start_vcenter()
