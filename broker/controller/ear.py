"""Hearing of a vCenter's changes: one long wait, in a thread of its own."""

import logging
from collections.abc import Callable
from threading import Event as Flag
from threading import Thread

from broker.controller.changes import Changes
from broker.errors import BrokerError
from broker.model.names import VcenterId
from broker.ports.administration import Administration
from broker.ports.listening import News

_log = logging.getLogger(__name__)

_SHORTEST_PAUSE_S = 1.0
_LONGEST_PAUSE_S = 30.0


class Ear:
    """Listens to one vCenter. What it hears of makes a look due; that nothing happened confirms the last one.

    `confirm` is called where the last good look has seen all that was heard of so far.
    """

    def __init__(
        self,
        vcenter: VcenterId,
        administration: Administration,
        due: Callable[[], None],
        confirm: Callable[[], None],
    ) -> None:
        self.changes = Changes()
        self._vcenter = vcenter
        self._administration = administration
        self._due = due
        self._confirm = confirm
        self._heard = 0
        self._seen: int | None = None
        self._ending = Flag()
        self._thread = Thread(target=self._run, name=f"listen-{vcenter}", daemon=True)

    def start(self) -> None:
        """Begin to listen."""
        self._thread.start()

    def stop(self) -> None:
        """Listen no longer: the wait under way ends with the session."""
        self._ending.set()

    def join(self, timeout_s: float) -> None:
        """Wait for the end of listening, so long at most."""
        self._thread.join(timeout_s)

    def begin_look(self) -> int:
        """How many changes were heard of: give it to `looked` once a look that begins now is over."""
        self._seen = None
        return self._heard

    def looked(self, heard: int) -> None:
        """A look has seen so much."""
        self._seen = heard

    def _run(self) -> None:
        pause_s = _SHORTEST_PAUSE_S
        while not self._ending.is_set():
            before = self._heard
            try:
                self._administration.listen(self._told)
            except BrokerError as error:
                self._broken(str(error))
            except Exception as defect:  # noqa: BLE001 - one bad answer must not end the listening
                self._broken(type(defect).__name__)
            pause_s = _SHORTEST_PAUSE_S if self._heard != before else min(2 * pause_s, _LONGEST_PAUSE_S)
            self._ending.wait(pause_s)

    def _broken(self, text: str) -> None:
        if not self._ending.is_set():
            _log.warning("vCenter %s cannot be listened to: %s", self._vcenter, text)

    def _told(self, news: News) -> None:
        self.changes.note(news.events)
        if news.changed:
            self._heard += 1
            self._due()
        elif self._seen == self._heard:
            self._confirmed()

    def _confirmed(self) -> None:
        try:
            self._confirm()
        except BrokerError as error:
            _log.error("that vCenter %s stands as it did is not noted: %s", self._vcenter, error)
