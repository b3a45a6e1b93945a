"""The long wait of the controller on the simulator as it comes.

It posts no event of a role or a permission: that it takes the collector, the filters and the wait as they
are sent is what it can prove.
"""

from collections.abc import Iterator
from pathlib import Path
from queue import Queue
from threading import Thread

import pytest

from broker.errors import Refused
from broker.ports.listening import News
from broker.vsphere.administration import VcenterAdministration
from tests.contract.site import broker_on
from tests.support.vcsim import Simulator


class Listening:
    """A session of the controller that is listened on in a thread."""

    def __init__(self, administration: VcenterAdministration) -> None:
        self.administration = administration
        self.news: Queue[News] = Queue()
        self._thread = Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        try:
            self.administration.listen(self.news.put)
        except Refused:
            return  # the session was closed

    def close(self) -> None:
        self.administration.close()
        self._thread.join(20)
        assert not self._thread.is_alive()


@pytest.fixture
def listening(stock: Simulator, tmp_path: Path) -> Iterator[Listening]:
    with broker_on(stock, tmp_path, ["/DC0/host/DC0_C0"]) as site:
        made = Listening(site.administration())
        yield made
        made.close()


def test_the_wait_begins_with_what_there_is_and_tells_that_nothing_happened(listening: Listening) -> None:
    assert listening.news.get(timeout=20) == News((), changed=True, missed=True)
    assert listening.administration.events() == ()
    assert listening.news.get(timeout=20) == News((), changed=False, missed=False)
