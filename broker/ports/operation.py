"""What rooms ask of the store to run: login latches, process ledger, records of their own."""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from broker.errors import Reason
from broker.model.names import VcenterId
from broker.model.record import Record


@dataclass(frozen=True, slots=True)
class Unanswered:
    """Log-ins in a row, with one secret, of which nobody knows whether they failed."""

    tries: int
    at: datetime
    """When the last of them began, or was found to have no answer."""
    wait: timedelta
    """For so long after `at` the secret is not tried again."""
    reason: Reason
    """Why there is no answer, as far as that is known."""


class LoginLatch(Protocol):
    """Keeps all processes together from locking an account: five failed log-ins do.

    Keyed by (vCenter, user, digest of the secret), for every process and across restarts. The
    latch closes at the first InvalidLogin; it opens when the secret changes, or by `retry`. Beside
    it stand the log-ins whose end is not known. `user` is in the form in which users are compared
    (canonical_user). Raises LogUnavailable.
    """

    def turn(self, vcenter: VcenterId, user: str, patience_s: float) -> AbstractContextManager[None]:
        """Inside, no other thread or process logs this user in, as long as all ask for their turn.

        A process that dies gives its turn back; one that is stopped keeps it. Raises
        Refused(VCENTER_BUSY) when it does not come in time.
        """
        ...

    def closed(self, vcenter: VcenterId, user: str, secret_digest: str) -> bool:
        """Whether a log-in with this very secret was refused before."""
        ...

    def close(self, vcenter: VcenterId, user: str, secret_digest: str) -> None:
        """Remember, on record, that vCenter refused this secret, and no longer what was unanswered of it."""
        ...

    def clear(self, vcenter: VcenterId, user: str) -> None:
        """Forget what was refused and unanswered of this user: vCenter has just taken a secret."""
        ...

    def unanswered(self, vcenter: VcenterId, user: str, secret_digest: str) -> Unanswered | None:
        """The log-ins with this secret that have no answer, None where there are none."""
        ...

    def put_unanswered(
        self, vcenter: VcenterId, user: str, secret_digest: str, unanswered: Unanswered | None
    ) -> None:
        """Remember these instead of what was remembered. Only within the turn."""
        ...


class SystemLog(Protocol):
    """Records of the broker's own doings."""

    def append(self, records: Sequence[Record]) -> None:
        """Make all durable, in order, in one transaction. Raises LogUnavailable."""
        ...


@dataclass(frozen=True, slots=True)
class Acknowledgement:
    """What one process says to a reload: the revision it now decides on, or the error it met."""

    boot: str
    kind: str
    generation: int
    revision: str
    error: str


class Processes(Protocol):
    """Every running process, what policy it decides on, and the call to read it anew.

    Every method raises LogUnavailable.
    """

    def generation(self) -> int:
        """The generation of the last reload asked for; cheap enough to ask at every beat."""
        ...

    def acknowledge(self, acknowledgement: Acknowledgement) -> None:
        """This process runs, and has dealt with the reloads up to that generation.

        Repeat it every few seconds: a process that is not heard of holds up no reload.
        """
        ...

    def leave(self, boot: str) -> None:
        """This process ends."""
        ...

    def ask_reload(self) -> int:
        """Ask every process to read the policy anew; gives the generation to wait for."""
        ...

    def answers(self, generation: int) -> tuple[tuple[Acknowledgement, ...], int]:
        """The answers so far, and how many live processes have yet to answer."""
        ...
