"""Policy as it is decided on: compiled, checked, immutable."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime
from enum import StrEnum
from pathlib import Path
from types import MappingProxyType

from broker.model.names import AccountId, AppId, GrantId, TemplateId, VcenterId
from broker.model.secret import SecretReference
from broker.model.tree import Kind


class Scope(StrEnum):
    """What an access token is good for: the closed set."""

    TICKETS = "tickets"
    AUDIT_READ = "audit.read"
    ROLES_READ = "roles.read"


class ReadinessMode(StrEnum):
    """What a stopped CIM service means to a grant: refuse, or warn only."""

    REQUIRE = "require"
    ADVISE = "advise"


class TemplateKind(StrEnum):
    """Whom a template is for: apps by grants, or the controller's own account, which no grant names."""

    APP = "app"
    CONTROLLER = "controller"


class TicketKind(StrEnum):
    """The tickets that the broker can take."""

    CIM = "cim"


class DriftMode(StrEnum):
    """What a silent controller means to a grant: refuse, or go by what it said last."""

    STRICT = "strict"
    FOLLOW = "follow"


@dataclass(frozen=True, slots=True)
class Rate:
    """At most `count` events in any window of `seconds`."""

    count: int
    seconds: int

    def shared(self, among: int) -> "Rate":
        """What each of so many may do by itself: the sum stays below the rate, but each may do one."""
        return Rate(max(1, self.count // among), self.seconds)

    def most_in(self, seconds: int) -> int:
        """How many it allows in so many seconds; all of a longer window's can come at once."""
        return self.count * -(-seconds // self.seconds)


@dataclass(frozen=True, slots=True)
class PublicKey:
    """A key that an app signs its assertions with: PEM, and the one JWS algorithm it may use."""

    key_id: str
    algorithm: str
    pem: str


@dataclass(frozen=True, slots=True)
class App:
    """A monitoring app: who it is and what it may ask for. Its secret hashes live in the store."""

    id: AppId
    description: str
    owner: str
    scopes: frozenset[Scope]
    keys: tuple[PublicKey, ...]
    rate: Rate


@dataclass(frozen=True, slots=True)
class Vcenter:
    """One vCenter endpoint. `concurrency` is how many calls at once whoever decides on it may make.

    `ca_file` holds its CA, or the pinned certificate itself, as the trust anchor.
    `first_unsupported_major` refuses hosts of that major version and newer: the removal of
    CIM in ESX 9 is likely and not confirmed by a primary source.
    """

    id: VcenterId
    host: str
    port: int
    ca_file: Path
    concurrency: int
    connect_timeout_s: float
    call_timeout_s: float
    first_unsupported_major: int


@dataclass(frozen=True, slots=True)
class Account:
    """A low-privilege vCenter account. `tolerated` are privileges that it may hold on the root folder."""

    id: AccountId
    vcenter: VcenterId
    user: str
    password: SecretReference
    tolerated: frozenset[str]
    shared_by: frozenset[AppId]


@dataclass(frozen=True, slots=True)
class Override:
    """A finding of `broker roles lint` that somebody answers for, to the end of the day `expires` in UTC.

    `privilege` is the one that the finding is about, None where it is about none.
    """

    rule: str
    privilege: str | None
    reason: str
    owner: str
    expires: date


@dataclass(frozen=True, slots=True)
class Template:
    """A least-privilege set of vSphere privileges, and what may be done with it.

    `privileges` are without those of every role (System.*). `revision` covers all that `apply` acts
    on: role name, privileges and entity types. `reasons` says of each privilege what it is needed
    for, in the order of the file, `sources` of some where that is written. `max_days` is how far
    away the end of a grant may be, `max_rate_per_host` the most that a grant's rate may allow; None
    bounds nothing.
    """

    id: TemplateId
    description: str
    privileges: frozenset[str]
    role_name: str
    revision: str
    kind: TemplateKind
    enabled: bool
    reasons: Mapping[str, str]
    sources: Mapping[str, str]
    entity_types: frozenset[Kind]
    ticket_kinds: frozenset[TicketKind]
    max_days: int | None
    max_rate_per_host: Rate | None
    owner: str
    review_by: date
    overrides: tuple[Override, ...]

    def may_be_granted_on(self, kind: Kind) -> bool:
        """Whether a permission with this role may be set on an object of that kind."""
        return kind in self.entity_types


@dataclass(frozen=True, slots=True)
class Grant:
    """App, template, account and scope, with an owner, a reason and an end.

    `scope` are inventory paths in words (`/Datacenter/host/Cluster/esx01`); what they resolved
    to is in the store. `digest` covers all that `apply` acts on: a grant whose digest differs
    from the applied one is not applied.
    """

    id: GrantId
    app: AppId
    template: TemplateId
    account: AccountId
    scope: tuple[str, ...]
    owner: str
    reason: str
    valid_until: datetime
    rate_per_host: Rate
    readiness: ReadinessMode
    digest: str
    drift: DriftMode = DriftMode.FOLLOW
    overrides: tuple[Override, ...] = ()


@dataclass(frozen=True, slots=True)
class Policy:
    """One immutable snapshot of everything admins wrote. `revision` is a digest of it."""

    revision: str
    vcenters: Mapping[VcenterId, Vcenter]
    accounts: Mapping[AccountId, Account]
    apps: Mapping[AppId, App]
    templates: Mapping[TemplateId, Template]
    grants: Mapping[GrantId, Grant]

    def to_apply(self) -> "Policy":
        """The same without the grants of disabled templates, which give nobody anything in vCenter."""
        kept = {g.id: g for g in self.grants.values() if self.templates[g.template].enabled}
        return self if len(kept) == len(self.grants) else replace(self, grants=MappingProxyType(kept))

    def grants_of(self, app: AppId) -> tuple[Grant, ...]:
        """All grants of `app`, in the order of their ids."""
        return tuple(g for _, g in sorted(self.grants.items()) if g.app == app)
