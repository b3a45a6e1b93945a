"""What rooms ask of the store to run: login latches, process ledger, records of their own."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from broker.model.names import VcenterId
from broker.model.record import Record


class LoginLatch(Protocol):
    """Stops log-ins after the first InvalidLogin: five failures lock the account.

    Keyed by (vCenter, user, digest of the secret), for every process and across restarts; it
    opens when the secret changes, or by `retry`. `user` is in the form in which users are compared
    (canonical_user). Raises LogUnavailable.
    """

    def closed(self, vcenter: VcenterId, user: str, secret_digest: str) -> bool:
        """Whether a log-in with this very secret was refused before."""
        ...

    def close(self, vcenter: VcenterId, user: str, secret_digest: str) -> None:
        """Remember, on record, that vCenter refused this secret."""
        ...

    def clear(self, vcenter: VcenterId, user: str) -> None:
        """Forget what was refused of this user: vCenter has just taken another secret."""
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
