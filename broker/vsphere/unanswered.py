"""Log-ins whose answer never came: each may have been a failure that vCenter counts."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import timedelta

from pyVmomi import vim, vmodl

from broker.errors import LogUnavailable, Reason, Refused
from broker.model.policy import Vcenter
from broker.ports.clock import Clock
from broker.ports.operation import LoginLatch, Unanswered
from broker.vsphere.faults import AnswerLost, NotSent

FIRST_WAIT_S = 60.0
"""After one lost answer the same secret is not tried sooner, by any process.

vCenter's SSO locks an account after 5 failures within 180 s, and a password that is wrong shows
only in an answer.
"""

WAIT_S = 180.0
"""After every further one: so all processes together have two of the five tries in any 180 s.

The others are left to whoever else logs this account in.
"""

_NO_WAIT = timedelta(0)
_FIRST_WAIT = timedelta(seconds=FIRST_WAIT_S)
_WAIT = timedelta(seconds=WAIT_S)


class UnansweredLogins:
    """Counts one account's log-ins in the store before they are sent, so that dying in one counts too.

    The first in a row makes nobody wait while it runs: a process killed in it must not keep its
    successor out for a minute. Use it within the account's turn. Raises LogUnavailable.
    """

    def __init__(self, vcenter: Vcenter, user: str, latch: LoginLatch, clock: Clock) -> None:
        self._vcenter = vcenter
        self._user = user
        self._latch = latch
        self._clock = clock

    def check(self, digest: str) -> None:
        """Raises Refused, as the lost log-in did, while it is too soon to try this secret again."""
        known = self._latch.unanswered(self._vcenter.id, self._user, digest)
        if known is None or known.wait == _NO_WAIT:
            return
        now = self._clock.now()
        if now < known.at:  # the clock was set back: wait from here on, not until it has caught up
            known = replace(known, at=now)
            self._put(digest, known)
        if now < known.at + known.wait:
            where = f"{self._vcenter.host}:{self._vcenter.port}"
            raise Refused(known.reason, f"{where}: no answer at log-in, {known.tries} in a row: waiting")

    @contextmanager
    def one_more(self, digest: str) -> Iterator[None]:
        """Send one log-in inside: from before that until its end is known it counts as unanswered.

        A password that was taken or refused counts on, until the latch takes that down and forgets
        it in one write; an end that says nothing of the password leaves things as they were.
        """
        before = self._latch.unanswered(self._vcenter.id, self._user, digest)
        begun = _begun(before, self._clock)
        self._put(digest, begun)
        try:
            yield
        except AnswerLost as lost:
            wait = _WAIT if before else _FIRST_WAIT
            self._settle(digest, replace(begun, at=self._clock.now(), wait=wait, reason=lost.reason))
            raise
        except vim.fault.InvalidLogin:
            raise
        except (NotSent, vmodl.MethodFault):
            self._settle(digest, before)
            raise

    def _put(self, digest: str, unanswered: Unanswered | None) -> None:
        self._latch.put_unanswered(self._vcenter.id, self._user, digest, unanswered)

    def _settle(self, digest: str, unanswered: Unanswered | None) -> None:
        with suppress(LogUnavailable):  # what stays on record has begun and counts as unanswered
            self._put(digest, unanswered)


def _begun(before: Unanswered | None, clock: Clock) -> Unanswered:
    if before is None:
        return Unanswered(1, clock.now(), _NO_WAIT, Reason.VCENTER_UNAVAILABLE)
    return Unanswered(before.tries + 1, clock.now(), _WAIT, Reason.VCENTER_UNAVAILABLE)
