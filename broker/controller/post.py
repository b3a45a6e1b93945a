"""What the watch keeps of one vCenter: a session, an ear on it, and at most one look at a time."""

import logging
from collections.abc import Callable, Sequence
from threading import Lock, Thread

from broker.controller.comparing import look
from broker.controller.ear import Ear
from broker.controller.rooms import ControllerRooms
from broker.errors import BrokerError, LogUnavailable
from broker.model.applied import AppliedGrant
from broker.model.policy import Policy, Vcenter

_log = logging.getLogger(__name__)

_CONFIRM_EVERY_S = 30.0
"""How often the store is told that a vCenter still stands as it did: far below what counts as silent."""

_END_WITHIN_S = 1.0
"""For the ear, once its session has ended."""


class Post:
    """Looks run in a thread of their own, so that a vCenter that does not answer holds up no other.

    `due` is called when something was heard of that a look should see. One thread calls `look` and
    `join`, any may call `leave`.
    """

    def __init__(self, vcenter: Vcenter, rooms: ControllerRooms, due: Callable[[], None]) -> None:
        """Nothing is asked of vCenter yet. Raises BrokerError where there is no log-in for it."""
        self._vcenter = vcenter
        self._rooms = rooms
        self._due = due
        self._administration = rooms.administration(vcenter)
        self._ear = Ear(vcenter.id, self._administration, due, self._confirm)
        self._lock = Lock()
        self._looking: Thread | None = None
        self._running = self._again = False
        self._unrecorded: LogUnavailable | None = None
        self._heard_at = 0.0
        self._ear.start()

    def look(self, policy: Policy, grants: Sequence[AppliedGrant]) -> None:
        """Begin a look. Where the last one still runs, another is due when that ends."""
        with self._lock:
            if self._running:
                self._again = True
                return
            self._running, self._again, self._unrecorded = True, False, None
        name = f"look-{self._vcenter.id}"
        self._looking = Thread(target=self._run, args=(policy, grants), name=name, daemon=True)
        self._looking.start()

    def join(self, timeout_s: float) -> None:
        """Wait for the look's end, so long at most. Raises LogUnavailable where it met that."""
        if self._looking is not None:
            self._looking.join(timeout_s)
        unrecorded, self._unrecorded = self._unrecorded, None
        if unrecorded is not None:
            raise unrecorded

    def leave(self) -> None:
        """Log out, and end what runs. Never raises."""
        self._ear.stop()
        self._administration.close()
        self._ear.join(_END_WITHIN_S)

    def _run(self, policy: Policy, grants: Sequence[AppliedGrant]) -> None:
        try:
            self._look(policy, grants)
        except LogUnavailable as unavailable:
            self._unrecorded = unavailable
        except BrokerError as error:
            _log.warning("vCenter %s could not be looked at: %s", self._vcenter.id, error)
        except Exception as defect:  # noqa: BLE001 - one bad look must not end the watching
            _log.error("the look at vCenter %s failed: %s", self._vcenter.id, type(defect).__name__)
        with self._lock:
            self._running, again = False, self._again
        if again:
            self._due()

    def _look(self, policy: Policy, grants: Sequence[AppliedGrant]) -> None:
        began_at, heard = self._rooms.clock.now(), self._ear.begin_look()
        for made in look(policy, grants, self._administration, self._ear.changes, self._rooms):
            _log.warning("grant %s: %s", made.seen.grant, made.drift or "holds again")
        self._rooms.heard.hear(self._vcenter.id, began_at)
        self._heard_at = self._rooms.clock.monotonic()
        self._ear.looked(heard)

    def _confirm(self) -> None:
        clock = self._rooms.clock
        if clock.monotonic() - self._heard_at >= _CONFIRM_EVERY_S:
            self._rooms.heard.hear(self._vcenter.id, clock.now())
            self._heard_at = clock.monotonic()
