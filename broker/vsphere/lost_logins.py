"""Log-ins whose answer never came: each may have been a failure that vCenter counts."""

from dataclasses import dataclass

from broker.errors import Refused
from broker.ports.clock import Clock
from broker.vsphere.faults import AnswerLost

FIRST_WAIT_S = 60.0
"""After one lost answer the same secret is not tried sooner.

vCenter's SSO locks an account after 5 failures within 180 s, and a password that is wrong shows
only in an answer.
"""

WAIT_S = 180.0
"""After every further one: so a process has two of the five tries in any 180 s, not all of them."""


@dataclass(frozen=True, slots=True)
class _Lost:
    digest: str
    count: int
    until: float
    error: AnswerLost


class LostLogins:
    """Remembers the log-ins with the present secret that were sent and not answered."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lost: _Lost | None = None

    def check(self, digest: str) -> None:
        """Raises Refused, as the lost log-in did, while it is too soon to try this secret again."""
        lost = self._lost
        if lost and lost.digest == digest and self._clock.monotonic() < lost.until:
            raise Refused(lost.error.reason, f"{lost.error.detail} at log-in, {lost.count} in a row: waiting")

    def add(self, digest: str, error: AnswerLost) -> None:
        """A log-in with this secret was sent, and its answer lost."""
        before = self._lost.count if self._lost and self._lost.digest == digest else 0
        wait_s = WAIT_S if before else FIRST_WAIT_S
        self._lost = _Lost(digest, before + 1, self._clock.monotonic() + wait_s, error)

    def clear(self) -> None:
        """A log-in was taken."""
        self._lost = None
