"""Rooms for `issue()` that keep what real ones promise, and write down the order they were called in."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TypeVar

from broker.errors import Limited, LogUnavailable, Reason, Refused
from broker.model.applied import AppliedGrant, Drift, DriftKind, Finding, ScopeEntry
from broker.model.inventory import Connection, Firewall, Host, HostFacts, HostRef, Sighting
from broker.model.issuance import (
    Attempt,
    Caller,
    DryRun,
    Intent,
    NotAttempted,
    Origin,
    Outcome,
    Proof,
    TicketRequest,
    VcenterTicket,
)
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
from broker.model.policy import (
    Account,
    App,
    Grant,
    Policy,
    Rate,
    ReadinessMode,
    Scope,
    Vcenter,
)
from broker.model.receipt import Receipt
from broker.model.secret import Secret, SecretVariable
from broker.policy.decide import meant
from broker.ports.access import AppCredential
from broker.ports.issuing import Rooms
from broker.tlog.checkpoint import TreeHead
from broker.tlog.merkle import leaf_hash
from tests.support.certificates import self_signed
from tests.support.clock import HandClock
from tests.support.log_keys import LOG_KEYS, ORIGIN
from tests.support.templates import template

CIM = "Host.Cim.CimInteraction"
UUID = "61f12cb6-9de0-40cb-9c47-61d494229f4f"
CERTIFICATE = self_signed("esx01.example.com")
T = TypeVar("T")
TICKET = "52d1c0de-canary-ticket-0001"

HOST = Host(
    ref=HostRef(VcenterId("prod"), UUID, Moid("host-11")),
    name=HostName("esx01.example.com"),
    addresses=(HostName("192.0.2.11"),),
    ancestors=(Moid("domain-c7"), Moid("group-h4"), Moid("datacenter-2"), Moid("group-d1")),
    connection=Connection.CONNECTED,
    version="8.0.3",
    lockdown="lockdownDisabled",
)
FACTS = HostFacts(cim_running=True, firewall=Firewall(True, True, ()), certificate_pem=CERTIFICATE.pem)  # noqa: FBT003
PROOF = Proof(frozenset({CIM, "System.View", "System.Read"}), frozenset({"System.View"}), "digest", 1.0)
_LEAF = leaf_hash(b"the record of the ticket")
RECEIPT = Receipt(
    0, _LEAF, LOG_KEYS.sign(TreeHead(ORIGIN, 1, _LEAF), [k.id for k in LOG_KEYS.verifiers()]), ()
)
"""Of the one record of a log."""
GRANT = Grant(
    id=GrantId("nagios-dc1"),
    app=AppId("nagios"),
    template=TemplateId("cim-ticket"),
    account=AccountId("cim-a"),
    scope=("/DC1/host/cluster-01",),
    owner="storage team",
    reason="hardware monitoring",
    valid_until=datetime(2027, 1, 1, tzinfo=UTC),
    rate_per_host=Rate(10, 60),
    readiness=ReadinessMode.REQUIRE,
    digest="grant-digest",
)
APPLIED = AppliedGrant(
    grant=GRANT.id,
    digest=GRANT.digest,
    vcenter=VcenterId("prod"),
    scope=(ScopeEntry("/DC1/host/cluster-01", UUID, Moid("domain-c7")),),
    role_id=101,
    applied_at=datetime(2026, 11, 1, tzinfo=UTC),
)


def drift(
    kind: DriftKind = DriftKind.WIDENED, text: str = "the role holds more", changed_by: str = ""
) -> Drift:
    """What a round of watching may have found of `APPLIED`."""
    return Drift((Finding(kind, text, changed_by),), datetime(2026, 11, 2, tzinfo=UTC))


POLICY = Policy(
    revision="revision-1",
    vcenters={
        VcenterId("prod"): Vcenter(VcenterId("prod"), "vc.example.com", 443, Path("ca.pem"), 8, 5.0, 10.0, 9)
    },
    accounts={
        AccountId("cim-a"): Account(
            AccountId("cim-a"),
            VcenterId("prod"),
            "svc-cim-a@vsphere.local",
            SecretVariable("NONE"),
            frozenset(),
            frozenset(),
        )
    },
    apps={
        AppId("nagios"): App(AppId("nagios"), "", "owner", frozenset({Scope.TICKETS}), (), Rate(100, 60)),
        AppId("other"): App(AppId("other"), "", "owner", frozenset({Scope.TICKETS}), (), Rate(100, 60)),
    },
    templates={
        TemplateId("cim-ticket"): template("cim-ticket", {CIM}),
    },
    grants={GRANT.id: GRANT},
)
CREDENTIAL = AppCredential(AppId("nagios"), False, 1, ())  # noqa: FBT003
CALLER = Caller(AppId("nagios"), frozenset({Scope.TICKETS}), 1, Origin("192.0.2.200", "check/1"))
REQUEST = TicketRequest(
    issuance=IssuanceId("01932e3e-0000-7000-8000-000000000001"),
    host=HOST.name,
    vcenter=None,
    grant=None,
    dry_run=False,
    idempotency_key=None,
    digest="body-digest",
)


@dataclass
class World:
    """All rooms at once. Set a field to change what a room says; `trail` is what happened, in order."""

    policy: Policy = POLICY
    app_credential: AppCredential | None = CREDENTIAL
    disabled: set[GrantId] = field(default_factory=set)
    grants_applied: dict[GrantId, AppliedGrant] = field(default_factory=lambda: {GRANT.id: APPLIED})
    heard_at: dict[VcenterId, datetime] = field(default_factory=dict)
    sightings: tuple[Sighting, ...] = (Sighting(AccountId("cim-a"), HOST, 1.0),)
    facts_now: HostFacts | Exception = FACTS
    proof: Proof | Exception = PROOF
    ticket: VcenterTicket | Exception = field(
        default_factory=lambda: VcenterTicket(Secret(TICKET), "192.0.2.11", None, CERTIFICATE.sha1, None)
    )
    caller_limit: Limited | None = None
    grant_limit: Limited | None = None
    log_fails_at: str | None = None
    after_intent: object = None
    during_call: object = None
    trail: list[str] = field(default_factory=list)
    refusals: list[Refused] = field(default_factory=list)
    refused_for: list[Proof | None] = field(default_factory=list)
    outcomes: list[Outcome] = field(default_factory=list)
    intents: list[Intent] = field(default_factory=list)
    left: list[NotAttempted] = field(default_factory=list)
    proofs_missing: bool = False
    expected: list[tuple[str, AccountId, tuple[HostName, ...]]] = field(default_factory=list)
    clock: HandClock = field(default_factory=HandClock)
    call_takes_s: float = 0.0

    def rooms(self) -> Rooms:
        return Rooms(self.clock, self, self, self, self, self, self, self, self)

    def current(self) -> Policy:
        return self.policy

    def grant_disabled(self, grant: GrantId) -> bool:
        return grant in self.disabled

    def now(self) -> "World":
        return self

    def credential(self, app: AppId) -> AppCredential | None:
        return self.app_credential

    def heard(self, vcenter: VcenterId) -> datetime | None:
        return self.heard_at.get(vcenter)

    def applied(self, grant: GrantId) -> AppliedGrant | None:
        return self.grants_applied.get(grant)

    def find(self, name: HostName, accounts: Iterable[AccountId]) -> tuple[Sighting, ...]:
        wanted = set(accounts)
        return meant(name, (s for s in self.sightings if s.account in wanted))

    def seen(self, name: HostName, accounts: Iterable[AccountId]) -> tuple[Sighting, ...]:
        return self.find(name, accounts)

    def expect_facts(self, account: AccountId, hosts: Iterable[Host]) -> bool:
        self.expected.append(("facts", account, tuple(host.name for host in hosts)))
        return False

    def expect_proofs(self, account: AccountId, hosts: Iterable[Host]) -> bool:
        self.expected.append(("proofs", account, tuple(host.name for host in hosts)))
        return self.proofs_missing

    def facts(self, account: AccountId, host: Host) -> HostFacts:
        self.trail.append("facts")
        return _said(self.facts_now)

    def forget_facts(self, account: AccountId, host: Host) -> None:
        self.trail.append("forget_facts")

    def prove(self, account: AccountId, host: Host) -> Proof:
        self.trail.append("prove")
        return _said(self.proof)

    def drop(self, account: AccountId, host: Host) -> None:
        self.trail.append("drop")

    def acquire(
        self, account: AccountId, host: Host, operation_id: str, permit: Callable[[], None]
    ) -> VcenterTicket:
        permit()
        self.trail.append(f"acquire {operation_id}")
        self.clock.advance(self.call_takes_s)
        if callable(self.during_call):
            self.during_call()
        return _said(self.ticket)

    def charge_caller(self, app: AppId) -> None:
        self.trail.append("charge_caller")
        if self.caller_limit:
            raise self.caller_limit

    def charge_grant(self, grant: Grant, host: Host) -> None:
        self.trail.append("charge_grant")
        if self.grant_limit:
            raise self.grant_limit

    def refuse(
        self,
        request: TicketRequest,
        caller: Caller,
        refusal: Refused,
        policy_revision: str,
        proof: Proof | None = None,
    ) -> None:
        self._log("refuse")
        self.refusals.append(refusal)
        self.refused_for.append(proof)

    def rehearse(self, dry_run: DryRun, caller: Caller, proof: Proof, policy_revision: str) -> None:
        self._log("rehearse")

    def leave(self, rest: NotAttempted, caller: Caller) -> None:
        self._log("leave")
        self.left.append(rest)

    def intend(self, intent: Intent, request: TicketRequest) -> Attempt:
        self._log("intend")
        self.intents.append(intent)
        attempt = Attempt(intent.issuance, 1, self.clock.now() + timedelta(seconds=60))
        if callable(self.after_intent):
            self.after_intent()
        return attempt

    def conclude(self, attempt: Attempt, intent: Intent, outcome: Outcome) -> Receipt:
        self._log("conclude")
        self.outcomes.append(outcome)
        return RECEIPT

    def of_ticket(self, session_id: Secret) -> tuple[str, str]:
        return f"fp-of-{len(session_id.reveal())}", "key-1"

    def _log(self, step: str) -> None:
        if self.log_fails_at == step:
            raise LogUnavailable("the store is gone")
        self.trail.append(step)


def crowd(hosts: int, policy: Policy = POLICY) -> World:
    """A world with so many hosts: esx00.example.com and so on."""
    return World(
        policy=policy,
        sightings=tuple(
            Sighting(
                AccountId("cim-a"),
                replace(HOST, name=name(each), ref=replace(HOST.ref, moid=Moid(f"host-{each}"))),
                1.0,
            )
            for each in range(hosts)
        ),
    )


def name(number: int) -> HostName:
    """Of one host of a crowd."""
    return HostName(f"esx{number:02}.example.com")


def _said(answer: T | Exception) -> T:
    if isinstance(answer, Exception):
        raise answer
    return answer


def expired(grant: Grant) -> Grant:
    return replace(grant, valid_until=HandClock().now() - timedelta(seconds=1))


def refused(reason: Reason) -> Refused:
    return Refused(reason, "as the test says")
