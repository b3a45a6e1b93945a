"""A batch among fair threads: nothing that it waits for keeps the turn that others need to go on."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from threading import Barrier, Event

import pytest

from broker.batch import Batch, Finished
from broker.model.inventory import Host
from broker.model.issuance import IssuedTicket, VcenterTicket
from broker.model.names import AccountId
from broker.server.threads import FairThreads
from tests.issue.test_batch import go_on, requests
from tests.support.issuing import CALLER, World, crowd

PLACES = 2
HOSTS = 8


@dataclass
class Busy(World):
    """A vCenter that answers when so many ask at once."""

    threads: FairThreads = field(kw_only=True)
    all_there: Barrier = field(kw_only=True)

    def acquire(
        self, account: AccountId, host: Host, operation_id: str, permit: Callable[[], None]
    ) -> VcenterTicket:
        with self.threads.aside():
            self.all_there.wait(20)
        return super().acquire(account, host, operation_id, permit)


@pytest.fixture
def threads() -> Iterator[FairThreads]:
    """Nobody is taken to wait who does not say so: the time stands still."""
    threads = FairThreads(4, lambda: 0.0, at_once=1)
    threads.start()
    yield threads
    threads.shutdown(wait=False)


def test_a_batch_with_more_under_way_than_places_comes_to_its_end(threads: FairThreads) -> None:
    world = Busy(threads=threads, all_there=Barrier(PLACES), sightings=crowd(HOSTS).sightings)
    finished: list[Finished] = []
    done = Event()

    def serve() -> None:
        with Batch(requests(HOSTS), CALLER, world.rooms(), PLACES, 0, go_on, threads) as batch:
            finished.extend(batch)
        done.set()

    threads.put("a", serve)
    assert done.wait(20)
    assert [isinstance(each.result, IssuedTicket) for each in finished] == [True] * HOSTS


def test_a_batch_that_is_left_amid_its_hosts_comes_to_its_end(threads: FairThreads) -> None:
    world = Busy(threads=threads, all_there=Barrier(1), sightings=crowd(HOSTS).sightings)
    done = Event()

    def serve() -> None:
        with Batch(requests(HOSTS), CALLER, world.rooms(), PLACES, 0, go_on, threads) as batch:
            next(iter(batch))
        done.set()

    threads.put("a", serve)
    assert done.wait(20)
