"""One ticket's life: the request, the proof, the ticket, and what is said of it in the log."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from broker.errors import Reason
from broker.model.inventory import Host, HostRef
from broker.model.names import (
    AccountId,
    AppId,
    GrantId,
    HostName,
    IdempotencyKey,
    IssuanceId,
    TemplateId,
    VcenterId,
)
from broker.model.policy import Scope
from broker.model.receipt import Receipt
from broker.model.secret import Secret

TICKET_LIFE_S = 120
"""HostSystem.AcquireCimServicesTicket: valid two minutes, not renewable."""

CIM_ACCESS = "decided by ESXi, assume full"
"""What a ticket lets its holder do on the host: no published text ties it to the caller's role in vCenter."""


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a request came from: the address believed, and the user agent clipped and cleaned."""

    address: str
    user_agent: str


@dataclass(frozen=True, slots=True)
class Caller:
    """An authenticated app. Only `http/authenticate.py` builds one."""

    app: AppId
    scopes: frozenset[Scope]
    credential_generation: int
    origin: Origin


@dataclass(frozen=True, slots=True)
class TicketRequest:
    """What an app asks for; names are canonical already. `digest` covers the body, for idempotency."""

    issuance: IssuanceId
    host: HostName
    vcenter: VcenterId | None
    grant: GrantId | None
    dry_run: bool
    idempotency_key: IdempotencyKey | None
    digest: str


class BatchEnd(StrEnum):
    """What ends a batch before all its hosts were begun."""

    DISCONNECTED = "disconnected"
    SHUTTING_DOWN = "shutting_down"


@dataclass(frozen=True, slots=True)
class NotAttempted:
    """The hosts of a batch that were never begun: nothing was decided about them, nothing asked.

    `vcenter` and `grant` are as the batch named them, for all of its hosts.
    """

    batch: IssuanceId
    hosts: tuple[HostName, ...]
    vcenter: VcenterId | None
    grant: GrantId | None
    ended_by: BatchEnd


@dataclass(frozen=True, slots=True)
class Proof:
    """What vCenter said the account may do, on the host and on the root folder, and when."""

    host_privileges: frozenset[str]
    root_privileges: frozenset[str]
    digest: str
    age_s: float


@dataclass(frozen=True, slots=True)
class Intent:
    """All that is known before vCenter is asked."""

    issuance: IssuanceId
    app: AppId
    origin: Origin
    grant: GrantId
    template: TemplateId
    template_revision: str
    account: AccountId
    host: HostRef
    host_name: HostName
    policy_revision: str


@dataclass(frozen=True, slots=True)
class Attempt:
    """An intent on record. `number` counts from 1; more than 1 is a reissue under one key.

    `issuance` goes to vCenter as operationID, so its logs can be held against ours. By `deadline`
    the ticket call has ended, answered or given up: the orphan rule counts exposure from there.
    """

    issuance: IssuanceId
    number: int
    deadline: datetime


class OutcomeKind(StrEnum):
    """How an attempt ended. One terminal outcome per attempt."""

    ISSUED = "issued"
    REFUSED = "refused"
    FAILED = "failed"
    UNKNOWN = "unknown"


class IssuanceState(StrEnum):
    """Where an issuance is: under way, or as its last attempt ended; a ticket that was issued stays so."""

    PENDING = "pending"
    ISSUED = "issued"
    REFUSED = "refused"
    FAILED = "failed"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Outcome:
    """The end of an attempt as it goes on record.

    Both ends of the exposure are set whenever a ticket may exist: from the time at which vCenter was
    asked, until that at which the answer came, or the call was given up, plus the ticket's life.
    `fingerprint` is keyed, with its key id.
    """

    kind: OutcomeKind
    reason: Reason | None = None
    detail: str = ""
    proof: Proof | None = None
    exposure_from: datetime | None = None
    exposure_until: datetime | None = None
    fingerprint: str | None = None
    fingerprint_key_id: str | None = None
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class VcenterTicket:
    """HostServiceTicket as vCenter gave it; None where it left a field out."""

    session_id: Secret
    host: str | None
    port: int | None
    thumbprint: str | None
    certificate_pem: str | None


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where CIM-XML is spoken, and the leaf certificate to pin."""

    address: str
    port: int
    certificate_pem: str
    certificate_sha256: str

    @property
    def url(self) -> str:
        """The URL for a CIM-XML client."""
        address = f"[{self.address}]" if ":" in self.address else self.address
        return f"https://{address}:{self.port}"


@dataclass(frozen=True, slots=True)
class IssuedTicket:
    """A ticket whose issuance is on record: the only form in which one leaves `issue()`."""

    issuance: IssuanceId
    attempt: int
    session_id: Secret
    endpoint: Endpoint
    host: Host
    grant: GrantId
    template: TemplateId
    template_revision: str
    account: AccountId
    issued_at: datetime
    expires_at: datetime
    receipt: Receipt
    warnings: tuple[str, ...] = field(default=())


@dataclass(frozen=True, slots=True)
class DryRun:
    """The decision that a real request would have met, on record; no ticket was taken."""

    issuance: IssuanceId
    host: Host
    grant: GrantId
    template: TemplateId
    template_revision: str
    account: AccountId
    warnings: tuple[str, ...] = field(default=())
