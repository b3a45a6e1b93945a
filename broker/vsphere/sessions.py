"""One vCenter session per account, shared by all threads."""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from functools import partial
from threading import Lock
from typing import TypeVar

from broker.errors import LogUnavailable, Reason, Refused
from broker.model.policy import Vcenter
from broker.ports.clock import Clock
from broker.ports.metering import UNMETERED, CallMeter
from broker.ports.operation import LoginLatch
from broker.vsphere.connection import Link
from broker.vsphere.faults import SessionLost, Untrusted, answered
from broker.vsphere.gate import Gate
from broker.vsphere.login import Login, SecretSource, log_out
from broker.vsphere.underway import Underway

Answer = TypeVar("Answer")
_Place = Callable[[], AbstractContextManager[None]]

PAUSE_S = 1.0
"""After a log-in that failed the next is not tried sooner: it would meet the same."""

DRAIN_S = 5.0
"""A ticket call that runs when the session is closed has so long to come to its end."""


@dataclass(frozen=True, slots=True)
class _Failure:
    reason: Reason
    detail: str
    until: float


class Session:
    """A session that is there when it is needed: logged in at first use and again when lost.

    `login` gives a logged-in link: see `Login`. All methods may be called from any thread.
    """

    def __init__(self, login: Callable[[], Link], gate: Gate, clock: Clock) -> None:
        self.gate = gate
        self._login = login
        self._clock = clock
        self._turn = Lock()
        self._link: Link | None = None
        self._failure: _Failure | None = None
        self._underway = Underway()
        self._closed = False

    @property
    def trouble(self) -> Reason | None:
        """Why the last log-in failed; None where the account is logged in or never tried."""
        return self._failure.reason if self._failure else None

    @property
    def logged_in(self) -> bool:
        """Whether there is a session, as far as is known without asking vCenter."""
        return self._link is not None

    def run(self, work: Callable[[Link], Answer]) -> Answer:
        """Do one piece of work on the session, inside the vCenter's gate.

        A NotAuthenticated fault proves that the call which it answers did nothing: the account
        logs in anew and `work` runs once more, so it must be a single call, or safe to repeat;
        it must not use the session's own `run`. Faults that `work` expects it catches itself,
        every other becomes a Refused. Raises what `Login` raises, NotSent, AnswerLost,
        Refused(VCENTER_BUSY | SHUTTING_DOWN).
        """
        with self._underway.one():
            return self._attempt(work, self.gate.place)

    def wait(self, work: Callable[[Link], Answer]) -> Answer:
        """As `run`, outside the gate: for the one long wait that an account has open."""
        return self._attempt(work, nullcontext)

    def _attempt(self, work: Callable[[Link], Answer], place: _Place) -> Answer:
        for _ in range(2):
            link = self._current()
            try:
                with place():
                    return answered(partial(work, link))
            except SessionLost:
                self._discard(link)
            except Untrusted:
                # the anchor may have been changed on disk: the next log-in reads it anew
                self._discard(link)
                raise
        raise SessionLost(Reason.VCENTER_UNAVAILABLE, "vCenter does not know a session just made")

    def _current(self) -> Link:
        if self._closed:
            raise Refused(Reason.SHUTTING_DOWN)
        if (link := self._link) is not None:
            return link
        self.gate.take(self._turn)
        try:
            return self._link or self._logged_in()
        finally:
            self._turn.release()

    def _logged_in(self) -> Link:
        failure = self._failure
        if failure and self._clock.monotonic() < failure.until:
            raise Refused(failure.reason, failure.detail)
        with self.gate.place():
            link = self._try_login()
        self._failure, self._link = None, link
        if self._closed:
            self._end()
            raise Refused(Reason.SHUTTING_DOWN)
        return link

    def _try_login(self) -> Link:
        try:
            return self._login()
        except LogUnavailable:
            raise  # the store's trouble, not vCenter's
        except Refused as refusal:
            if refusal.reason is Reason.VCENTER_BUSY:
                raise  # another process' log-in has not ended: nothing was tried
            failure = _Failure(refusal.reason, refusal.detail, self._clock.monotonic() + PAUSE_S)
        self._failure = failure
        # not as it came: an answer lost at log-in must not look like one lost by the caller's call
        raise Refused(failure.reason, failure.detail)

    def _discard(self, link: Link) -> None:
        if self._link is link:  # another thread may have a new one already
            self._link = None
        link.stub.retire()

    def close(self) -> None:
        """Let what runs finish, for DRAIN_S at most, then log out and end the rest. Never raises."""
        self._closed = True
        self._underway.over_within(DRAIN_S)
        self._end()

    def _end(self) -> None:
        link, self._link = self._link, None
        if link is not None:
            log_out(link.content)
            link.stub.abort()


def session_of(
    vcenter: Vcenter,
    user: str,
    secret: SecretSource,
    latch: LoginLatch,
    gate: Gate,
    clock: Clock,
    meter: CallMeter = UNMETERED,
) -> Session:
    """The session of one account on one vCenter; nothing is asked of vCenter yet."""
    return Session(Login(vcenter, user, secret, latch, clock, meter), gate, clock)
