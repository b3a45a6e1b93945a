"""Processes of many threads write to one log for half a minute: it has no gap, and nobody is starved."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from broker.clock import SystemClock
from broker.model.stores import StoreLocation
from broker.store.database import Database
from tests.bench.appending import LogSide, Writers
from tests.bench.child import running_child
from tests.support.log_keys import LOG_KEYS
from tests.support.places import packed
from tests.support.whole_log import check_tree

SECONDS, THREADS = 30.0, 16
STARVED_MS = 1000

pytestmark = pytest.mark.soak


@pytest.fixture
def place(request: pytest.FixtureRequest, tmp_path: Path) -> StoreLocation:
    if request.param == "sqlite":
        return tmp_path / "store.db"
    found: StoreLocation = request.getfixturevalue("postgres").new_store()
    return found


@contextmanager
def writing(place: StoreLocation, keys: Path, writers: Writers) -> Iterator[LogSide]:
    """Processes that have the store open."""
    LOG_KEYS.write(keys)
    with ExitStack() as stack:
        children = tuple(
            stack.enter_context(running_child("tests.bench.appender")) for _ in range(writers.processes)
        )
        for child in children:
            child.send({"store": packed(place), "keys": str(keys)})
        yield LogSide(children, writers, ())


@pytest.mark.timeout(SECONDS * 5)
@pytest.mark.parametrize(
    ("place", "processes"),
    [("sqlite", 1), ("sqlite", 4), ("sqlite", 8), ("postgresql", 1), ("postgresql", 4)],
    indirect=["place"],
)
def test_nobody_waits_a_second_and_the_log_is_whole(
    place: StoreLocation, tmp_path: Path, capsys: pytest.CaptureFixture[str], processes: int
) -> None:
    with writing(place, tmp_path / "keys", Writers(processes, THREADS)) as log:
        answers = log.measure(SECONDS).answers
    database = Database.open(place, SystemClock(), LOG_KEYS)
    size = check_tree(database)
    database.close()
    with capsys.disabled():
        print(f"\n{size} records of {processes} processes; the longest wait {answers.latency.longest:.0f} ms")
    assert answers.failed == 0
    assert answers.latency.longest < STARVED_MS
