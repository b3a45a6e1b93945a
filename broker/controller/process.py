"""`broker controller`: watches on a schedule, on reload and on what it hears, until it is told to end.

No listener.
"""

import logging
import signal
from collections.abc import Callable
from threading import Event as Flag
from threading import Thread

from broker.controller.watch import Watch
from broker.errors import BrokerError
from broker.model.policy import Policy
from broker.policy.follower import PolicyFollower
from broker.policy.holder import PolicyHolder
from broker.policy.presence import Presence
from broker.ports.operation import SystemLog

_log = logging.getLogger(__name__)

BEAT_S = 1.0
"""How often the process says that it lives, and looks whether a reload was asked for."""

_END_WITHIN_S = 30.0

SETTLE_S = 2.0
"""After what was heard of a round looks at once and once more: a role's update may take effect late."""

_PAUSE_S = 1.0
"""Between rounds, however much is heard: many changes in a row are looked at together."""

NextSignal = Callable[[float], int | None]
"""Waits so many seconds for SIGTERM, SIGINT or SIGHUP; None where none came."""


class ControllerProcess:
    """Rounds run in a thread of their own, so that a slow vCenter never looks like a dead process."""

    def __init__(
        self,
        presence: Presence,
        holder: PolicyHolder,
        load: Callable[[], Policy],
        watch: Watch,
        log: SystemLog,
        interval_s: float,
    ) -> None:
        self._presence = presence
        self._holder = holder
        self._watch = watch
        self._interval_s = interval_s
        self._ending = Flag()
        self._follower = PolicyFollower(presence, holder, load, self._swapped, log)

    def run(self, next_signal: NextSignal) -> None:
        """Work until SIGTERM or SIGINT, then log out everywhere. Raises LogUnavailable at start."""
        self._follower.start()
        _log.info("this controller watches", extra={"revision": self._holder.current().revision})
        rounds = Thread(target=self._rounds, name="controller-rounds", daemon=True)
        rounds.start()
        try:
            self._beat_until_told(next_signal)
        finally:
            self._end(rounds)

    def _beat_until_told(self, next_signal: NextSignal) -> None:
        while (told := next_signal(BEAT_S)) not in (signal.SIGTERM, signal.SIGINT):
            try:
                if told == signal.SIGHUP:
                    self._presence.ask_all()
                self._follower.step()
            except BrokerError as error:
                _log.error("the store could not be asked: %s", error)

    def _end(self, rounds: Thread) -> None:
        self._ending.set()
        self._watch.due.set()
        self._watch.close()
        rounds.join(_END_WITHIN_S)
        self._watch.close()
        try:
            self._follower.stop()
        except BrokerError as error:
            _log.error("the end of this process is not on record: %s", error)

    def _swapped(self, policy: Policy) -> None:
        _log.info("this controller watches by a new policy", extra={"revision": policy.revision})
        self._watch.due.set()

    def _rounds(self) -> None:
        told = True  # an apply may have ended just now, as may a change of which nobody told us
        while not self._ending.is_set():
            self._watch.due.clear()
            self._round()
            self._ending.wait(_PAUSE_S)
            told = self._watch.due.wait(min(SETTLE_S, self._interval_s) if told else self._interval_s)

    def _round(self) -> None:
        try:
            self._watch.round(self._holder.current())
        except BrokerError as error:
            _log.warning("this round found no end: %s", error)
        except Exception as defect:  # noqa: BLE001 - one bad round must not end the watching
            _log.error("this round failed: %s", type(defect).__name__)


def block_signals() -> NextSignal:
    """Hold the signals back for this process, and give what waits for one.

    Called before any thread starts, since threads inherit what is held back. A handler could run
    in the middle of anything; waiting for the signal can not.
    """
    told = {signal.SIGTERM, signal.SIGINT, signal.SIGHUP}
    signal.pthread_sigmask(signal.SIG_BLOCK, told)

    def next_signal(seconds: float) -> int | None:
        info = signal.sigtimedwait(told, seconds)
        return info.si_signo if info is not None else None

    return next_signal
