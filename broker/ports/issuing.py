"""What `issue()` is handed: the rooms as it sees them.

Each method names the refusals it may raise; everything else that leaves one is a defect and
ends as `internal_error`, on record. Nothing here promises more than its docstring.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from broker.errors import Refused
from broker.model.applied import AppliedGrant
from broker.model.inventory import Host, HostFacts, Sighting
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
from broker.model.names import AccountId, AppId, GrantId, HostName, VcenterId
from broker.model.policy import Grant, Policy
from broker.model.receipt import Receipt
from broker.model.secret import Secret
from broker.ports.access import AppCredentials
from broker.ports.clock import Clock


class PolicySource(Protocol):
    """The policy in force in this process."""

    def current(self) -> Policy:
        """One immutable snapshot: decide a whole request on it."""
        ...


class Switches(Protocol):
    """What `broker grants disable` says. Raises LogUnavailable."""

    def grant_disabled(self, grant: GrantId) -> bool:
        """Whether an operator cut this grant."""
        ...


class AppliedGrants(Protocol):
    """What the controller resolved and applied. Raises LogUnavailable."""

    def applied(self, grant: GrantId) -> AppliedGrant | None:
        """The grant as it stands in vCenter, or None where nothing was applied."""
        ...


class InForce(Switches, AppCredentials, AppliedGrants, Protocol):
    """What the store said at one moment of apps, cut grants and applied grants."""

    def heard(self, vcenter: VcenterId) -> datetime | None:
        """When the controller last knew how that vCenter stands, as of some seconds ago; None for never.

        Raises LogUnavailable.
        """
        ...


class Entitlements(Protocol):
    """What operators and the controller decided, in the store."""

    def now(self) -> InForce:
        """What holds at this moment: whatever was cut before the call is cut. Raises LogUnavailable."""
        ...


class Hosts(Protocol):
    """The inventory, as low-privilege accounts see it."""

    def find(self, name: HostName, accounts: Iterable[AccountId]) -> tuple[Sighting, ...]:
        """All hosts whose name, DNS name or address is `name`, in the inventory of each account.

        Where vCenter itself shows a host under that name, only such hosts: see `decide.meant`.
        Before an account's first full sync the one host is looked up on demand. Raises
        Refused(INVENTORY_STALE | VCENTER_UNAVAILABLE | ...) only when nothing was found and
        some account's inventory could not be asked; each sighting's `unseen_as` is that reason where
        something was found all the same.
        """
        ...

    def seen(self, name: HostName, accounts: Iterable[AccountId]) -> tuple[Sighting, ...]:
        """What `find` would give as far as it is in memory: vCenter is asked nothing, nothing is refused.

        To make ready by, never to decide on.
        """
        ...

    def expect_facts(self, account: AccountId, hosts: Iterable[Host]) -> bool:
        """Facts of these hosts are soon asked for: the first who does may read those of others along.

        Nothing is read for it alone. Whether any are missing.
        """
        ...

    def facts(self, account: AccountId, host: Host) -> HostFacts:
        """Service state, firewall and certificate, cached. Raises Refused(VCENTER_*)."""
        ...

    def forget_facts(self, account: AccountId, host: Host) -> None:
        """Drop what is cached of the host: vCenter contradicted it."""
        ...


class Prover(Protocol):
    """Proofs of effective privileges (rule 4)."""

    def prove(self, account: AccountId, host: Host) -> Proof:
        """A proof not older than the setting. Raises Refused(UNPROVEN | LOGIN_LATCHED | VCENTER_*)."""
        ...

    def expect_proofs(self, account: AccountId, hosts: Iterable[Host]) -> bool:
        """Proofs of these hosts are soon asked for: the call for the first may ask about the others too.

        Nothing is asked for it alone, and a proof is as old as the call that it came with: where
        every ticket needs one of its own, this does nothing. Whether any are missing.
        """
        ...

    def drop(self, account: AccountId, host: Host) -> None:
        """Forget the proof: vCenter contradicted it."""
        ...


class TicketOffice(Protocol):
    """HostSystem.AcquireCimServicesTicket on the account's own session, sent at most once."""

    def acquire(
        self, account: AccountId, host: Host, operation_id: str, permit: Callable[[], None]
    ) -> VcenterTicket:
        """One ticket.

        `permit` has the last word: it runs right before the call is sent, after every wait for a
        place or a log-in, and again where vCenter's NotAuthenticated proves that nothing was
        minted and the call is made anew. What it raises comes out, and no call is sent.

        Raises MintUnknown when the call was sent and its end is not known, Refused(NOT_APPLIED)
        for NoPermission, Refused(UNPROVEN) where the proof ended meanwhile, Refused(VCENTER_FAULT |
        VCENTER_UNAVAILABLE | VCENTER_BUSY | LOGIN_LATCHED) when no ticket was made.
        """
        ...


class Limits(Protocol):
    """Budgets. Raises Limited(RATE_LIMITED)."""

    def charge_caller(self, app: AppId) -> None:
        """One request of this app, and of the whole service."""
        ...

    def charge_grant(self, grant: Grant, host: Host) -> None:
        """One ticket under this grant for this host."""
        ...


class Ledger(Protocol):
    """The log as the way of a request writes it. Every method is durable when it returns.

    All raise LogUnavailable when the record could not be made durable.
    """

    def refuse(
        self,
        request: TicketRequest,
        caller: Caller,
        refusal: Refused,
        policy_revision: str,
        proof: Proof | None = None,
    ) -> None:
        """Record a refusal before any intent, with the proof that a dry run was refused for.

        Raises Limited(TOO_MANY_REFUSALS) instead of recording when the app's budget of
        single refusals is spent; the refusal is then counted in the window's aggregate.
        """
        ...

    def rehearse(self, dry_run: DryRun, caller: Caller, proof: Proof, policy_revision: str) -> None:
        """Record that a dry run would have been answered with a ticket."""
        ...

    def leave(self, rest: NotAttempted, caller: Caller) -> None:
        """Record the hosts of a batch that were never begun, in one record.

        Raises Limited(TOO_MANY_REFUSALS) instead when the app's budget of single refusals is
        spent; the batch is then counted in the window's aggregate.
        """
        ...

    def intend(self, intent: Intent, request: TicketRequest) -> Attempt:
        """Record the intent and claim the request's idempotency key, in one transaction.

        A key that ended with a ticket makes the next attempt of the same issuance: the answer's
        `issuance` is then the first one. Raises Refused(IDEMPOTENCY_*).
        """
        ...

    def conclude(self, attempt: Attempt, intent: Intent, outcome: Outcome) -> Receipt:
        """Record the one terminal outcome, and give that record's receipt.

        Raises Refused(LATE_RESULT), having recorded that, when the attempt was closed already.
        """
        ...


class Fingerprints(Protocol):
    """Keyed fingerprints of tickets."""

    def of_ticket(self, session_id: Secret) -> tuple[str, str]:
        """(fingerprint, key id): HMAC-SHA256 as lower-case hex."""
        ...


@dataclass(frozen=True, slots=True)
class Rooms:
    """Everything that `issue()` needs, wired once per process."""

    clock: Clock
    policy: PolicySource
    entitlements: Entitlements
    hosts: Hosts
    prover: Prover
    tickets: TicketOffice
    limits: Limits
    ledger: Ledger
    fingerprints: Fingerprints
