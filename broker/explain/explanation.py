"""What an explanation tells."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from broker.errors import Reason
from broker.model.names import (
    AccountId,
    AppId,
    GrantId,
    HostName,
    IssuanceId,
    Moid,
    TemplateId,
    VcenterId,
)


@dataclass(frozen=True, slots=True)
class Question:
    """An app that asks for a ticket of a host, naming vCenter and grant or not."""

    app: AppId
    host: HostName
    vcenter: VcenterId | None = None
    grant: GrantId | None = None


class Stop(StrEnum):
    """The stops of the way, in its order."""

    APP = "app"
    CALLERS_LIMIT = "caller's limit"
    GRANTS = "grants"
    HOST = "host"
    SCOPE = "scope"
    READINESS = "readiness"
    GRANTS_LIMIT = "grant's limit"
    PROOF = "proof"


class State(StrEnum):
    """How a stop was passed, or not."""

    PASSED = "passed"
    REFUSED = "refused"
    NOT_KNOWN = "not known here"
    NOT_REACHED = "not reached"


@dataclass(frozen=True, slots=True)
class Step:
    """One stop, and what was found there."""

    stop: Stop
    state: State
    text: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """`reason` is None where a ticket would be issued; then grant, account and warnings say under which."""

    reason: Reason | None
    detail: str
    grant: GrantId | None = None
    template: TemplateId | None = None
    account: AccountId | None = None
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class GrantVerdict:
    """What the same request would meet under one grant alone.

    `names_host` is whether the scope, in the words that admins wrote, holds the host in the inventory
    as it is now; None where the host, or the scope, could not be looked at.
    """

    grant: GrantId
    template: TemplateId
    account: AccountId
    scope: tuple[str, ...]
    applied_at: datetime | None
    names_host: bool | None
    verdict: Verdict


@dataclass(frozen=True, slots=True)
class Place:
    """A host that the controller finds under the name that was asked for. `path` is None off the tree."""

    vcenter: VcenterId
    moid: Moid
    path: str | None


@dataclass(frozen=True, slots=True)
class Explanation:
    """The whole answer. `advice` is what would have to change, empty where a ticket would be issued.

    `places` are in the vCenters of the app's grants, whoever of their accounts may see them.
    """

    question: Question
    policy_revision: str
    verdict: Verdict
    steps: tuple[Step, ...]
    grants: tuple[GrantVerdict, ...]
    places: tuple[Place, ...]
    advice: tuple[str, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Past:
    """What the log says of an issuance."""

    issuance: IssuanceId
    at: str
    event: str
    app: AppId | None
    host: HostName | None
    vcenter: VcenterId | None
    grant: GrantId | None
    reason: str | None
    detail: str
    policy_revision: str | None
