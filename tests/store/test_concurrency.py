"""Threads and processes on one store."""

import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any, cast

from broker.model.names import AppId, GrantId
from broker.model.record import Event, Record
from broker.model.stores import StoreLocation
from broker.store.database import Database
from broker.store.engines.sqlite.locks import Patience, locked
from broker.store.engines.sqlite.place import GATE, LOCK, place_at
from broker.store.log import StoredLog
from broker.store.place import Reserve
from broker.store.replay import StoredReplayGuard
from broker.store.switches import GrantSwitches
from tests.support.clock import HandClock
from tests.support.deadline import eventually
from tests.support.log_keys import LOG_KEYS
from tests.support.places import packed

ROOT = Path(__file__).parents[2]

_APPEND_FROM_THREADS = """
import sys
from concurrent.futures import ThreadPoolExecutor
from broker.clock import SystemClock
from broker.model.record import Event, Record
from broker.store.database import Database
from broker.store.log import StoredLog
from broker.store.place import Reserve
from tests.support.log_keys import LOG_KEYS
from tests.support.places import unpacked
database = Database.open(unpacked(sys.argv[1]), SystemClock(), LOG_KEYS)
log = StoredLog(database)
def append(number):
    log.append([Record(Event.PROCESS_STARTED, {"number": number}) for _ in range(2)], Reserve.NONE)
with ThreadPoolExecutor(4) as threads:
    list(threads.map(append, range(40)))
database.close()
"""


def test_records_of_many_threads_are_contiguous_and_batches_stay_together(database: Database) -> None:
    log = StoredLog(database)

    def append(number: int) -> None:
        log.append([Record(Event.PROCESS_STARTED, {"number": number})] * 2, Reserve.NONE)

    with ThreadPoolExecutor(32) as threads:
        list(threads.map(append, range(200)))
    leaves = log.leaves(0, 1000)
    assert [leaf.seq for leaf in leaves] == list(range(400))
    numbers = [leaf.content.partition(b'"number":')[2].partition(b"}")[0] for leaf in leaves]
    assert numbers[::2] == numbers[1::2]
    assert sorted(map(int, numbers[::2])) == list(range(200))


def test_records_of_several_processes_are_contiguous(database: Database, place: StoreLocation) -> None:
    command = [sys.executable, "-c", _APPEND_FROM_THREADS, packed(place)]
    children = [subprocess.Popen(command, cwd=ROOT) for _ in range(2)]
    assert [child.wait(60) for child in children] == [0, 0]
    assert [leaf.seq for leaf in StoredLog(database).leaves(0, 1000)] == list(range(160))


def test_who_waited_for_a_while_writes_before_all_who_came_later(database: Database, path: Path) -> None:
    longer_than_to_pass, order = Patience(within_s=0.2, step_s=0.001), list[str]()

    def write(name: str) -> None:
        with place_at(path, 0).alone():
            order.append(name)

    def is_shut() -> bool:
        with locked(path, GATE, longer_than_to_pass) as open_now:
            return not open_now

    with ThreadPoolExecutor(2) as threads, locked(path, LOCK, longer_than_to_pass):
        threads.submit(write, "waited")
        assert eventually(is_shut)
        threads.submit(write, "came later")
    assert order == ["waited", "came later"]


def test_an_assertion_is_used_once_however_many_try(
    database: Database, place: StoreLocation, clock: HandClock
) -> None:
    other = Database.open(place, clock, LOG_KEYS)
    guards = [StoredReplayGuard(database), StoredReplayGuard(other)]
    until = clock.now() + timedelta(minutes=5)
    with ThreadPoolExecutor(16) as threads:
        uses = list(
            threads.map(lambda n: guards[n % 2].first_use(AppId("nagios"), "jti-1", until), range(50))
        )
    assert uses.count(True) == 1
    other.close()


def test_a_switch_holds_at_once_in_every_process(
    database: Database, place: StoreLocation, clock: HandClock
) -> None:
    other = Database.open(place, clock, LOG_KEYS)
    here, there = GrantSwitches(database), GrantSwitches(other)
    for _ in range(20):
        here.disable(GrantId("g"), "tester")
        assert there.grant_disabled(GrantId("g"))
        here.enable(GrantId("g"), "tester")
        assert not there.grant_disabled(GrantId("g"))
    other.close()


def test_readers_do_not_wait_for_a_writer(database: Database) -> None:
    switches, writing, seen = GrantSwitches(database), threading.Event(), threading.Event()

    def slow_work(_: object) -> None:
        writing.set()
        assert seen.wait(10)

    writer = threading.Thread(target=lambda: database.write(Reserve.NONE, slow_work))
    writer.start()
    assert writing.wait(10)
    assert not switches.grant_disabled(GrantId("g"))
    seen.set()
    writer.join()


def test_closing_while_others_read_ends_their_connections_too(database: Database) -> None:
    reading, closed = threading.Event(), threading.Event()

    def slow_read(_: object) -> None:
        reading.set()
        assert closed.wait(10)

    reader = threading.Thread(target=lambda: database.read(slow_read))
    reader.start()
    assert reading.wait(10)
    database.close()
    closed.set()
    reader.join()
    assert not cast("Any", database._opening)._connections.readers._idle


def test_a_store_that_is_written_to_can_be_opened(
    database: Database, place: StoreLocation, clock: HandClock
) -> None:
    ended = threading.Event()

    def write_on() -> None:
        while not ended.is_set():
            StoredLog(database).append([Record(Event.PROCESS_STARTED, {})], Reserve.NONE)

    writer = threading.Thread(target=write_on)
    writer.start()
    for _ in range(30):
        Database.open(place, clock, LOG_KEYS).close()
    ended.set()
    writer.join()
