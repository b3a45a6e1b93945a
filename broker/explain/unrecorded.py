"""Rooms in which a rehearsal spends no budget, takes no ticket and leaves no record."""

from collections.abc import Callable

from broker.errors import Refused
from broker.model.inventory import Host
from broker.model.issuance import (
    Attempt,
    Caller,
    DryRun,
    Intent,
    NotAttempted,
    Outcome,
    Proof,
    TicketRequest,
    VcenterTicket,
)
from broker.model.names import AccountId, AppId
from broker.model.policy import Grant
from broker.model.receipt import Receipt
from broker.model.secret import Secret


class NothingLeft(RuntimeError):
    """A rehearsal went where it never goes: a defect."""


class Unlimited:
    """ports.issuing.Limits: what is left of a budget is known to `broker serve` alone."""

    def charge_caller(self, app: AppId) -> None:
        """Charge nothing."""

    def charge_grant(self, grant: Grant, host: Host) -> None:
        """Charge nothing."""


class Unrecorded:
    """ports.issuing.Ledger as far as a rehearsal goes: an explanation is no request."""

    def refuse(
        self,
        request: TicketRequest,
        caller: Caller,
        refusal: Refused,
        policy_revision: str,
        proof: Proof | None = None,
    ) -> None:
        """Record nothing."""

    def rehearse(self, dry_run: DryRun, caller: Caller, proof: Proof, policy_revision: str) -> None:
        """Record nothing."""

    def leave(self, rest: NotAttempted, caller: Caller) -> None:
        """Raise NothingLeft."""
        raise NothingLeft

    def intend(self, intent: Intent, request: TicketRequest) -> Attempt:
        """Raise NothingLeft."""
        raise NothingLeft

    def conclude(self, attempt: Attempt, intent: Intent, outcome: Outcome) -> Receipt:
        """Raise NothingLeft."""
        raise NothingLeft


class Untaken:
    """ports.issuing.TicketOffice and Fingerprints: a rehearsal asks for neither."""

    def acquire(
        self, account: AccountId, host: Host, operation_id: str, permit: Callable[[], None]
    ) -> VcenterTicket:
        """Raise NothingLeft."""
        raise NothingLeft

    def of_ticket(self, session_id: Secret) -> tuple[str, str]:
        """Raise NothingLeft."""
        raise NothingLeft
