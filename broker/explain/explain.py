"""The explanation: the request is rehearsed as it is asked, then once more under each grant of the app."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from broker.errors import LogUnavailable, Reason, Refused
from broker.explain.advice import ADVICE, PERMISSION
from broker.explain.explanation import Explanation, GrantVerdict, Place, Question, State, Step, Stop, Verdict
from broker.explain.unrecorded import Unlimited, Unrecorded, Untaken
from broker.explain.view import ControllersView
from broker.issue import rehearse
from broker.model.inventory import Host
from broker.model.issuance import Caller, Origin, TicketRequest
from broker.model.names import IssuanceId, VcenterId
from broker.model.policy import Grant, Policy, Scope
from broker.model.tree import ScopeUnresolved
from broker.ports.clock import Clock
from broker.ports.issuing import Entitlements, InForce, Rooms


@dataclass(frozen=True, slots=True)
class _OnePolicy:
    """ports.issuing.PolicySource: one explanation, one snapshot."""

    policy: Policy

    def current(self) -> Policy:
        return self.policy


def explain(
    question: Question,
    policy: Policy,
    entitlements: Entitlements,
    clock: Clock,
    view: ControllersView,
    serving: Collection[str],
) -> Explanation:
    """`serving` are the revisions that running processes of `broker serve` decide on.

    Raises LogUnavailable; whatever vCenter does not answer is part of the explanation.
    """
    untaken = Untaken()
    rooms = Rooms(
        clock=clock,
        policy=_OnePolicy(policy),
        entitlements=entitlements,
        hosts=view,
        prover=view,
        tickets=untaken,
        limits=Unlimited(),
        ledger=Unrecorded(),
        fingerprints=untaken,
    )
    return _Explaining(question, policy, entitlements.now(), rooms, view).explanation(serving)


class _Explaining:
    def __init__(
        self, question: Question, policy: Policy, in_force: InForce, rooms: Rooms, view: ControllersView
    ) -> None:
        self._question = question
        self._policy = policy
        self._in_force = in_force
        self._rooms = rooms
        self._view = view

    def explanation(self, serving: Collection[str]) -> Explanation:
        barred = self._barred()
        verdict = Verdict(Reason.UNAUTHENTICATED, barred) if barred else self._verdict(self._question)
        steps = tuple(self._steps(verdict, barred, tuple(self._view.trail)))
        grants = tuple(self._of_grant(grant) for grant in self._policy.grants_of(self._question.app))
        return Explanation(
            question=self._question,
            policy_revision=self._policy.revision,
            verdict=verdict,
            steps=steps,
            grants=grants,
            places=tuple(self._places()),
            advice=tuple(self._advice(verdict, grants)),
            notes=tuple(self._notes(serving)),
        )

    def _places(self) -> Iterator[Place]:
        """Where the controller finds the host; a vCenter that cannot be asked shows in the verdict."""
        asked = self._question
        grants = self._policy.grants_of(asked.app)
        vcenters = {self._policy.accounts[grant.account].vcenter for grant in grants}
        for vcenter in sorted(v for v in vcenters if asked.vcenter in (None, v)):
            try:
                hosts, tree = self._view.known_as(asked.host, vcenter), self._view.survey(vcenter).tree
            except LogUnavailable:
                raise
            except Refused:
                continue
            yield from (Place(vcenter, host.ref.moid, tree.path_of(host.ref.moid)) for host in hosts)

    def _notes(self, serving: Collection[str]) -> Iterator[str]:
        yield "What is left of the limits is known to `broker serve` alone; nothing was charged or recorded."
        yield "Hosts and privileges are told by the controller's session; `broker serve` asks as the account."
        if not serving:
            yield "No `broker serve` runs on this store."
        elif set(serving) != {self._policy.revision}:
            yield "`broker serve` decides on another revision of the policy: `broker reload`."

    def _barred(self) -> str:
        """Why the app gets no access token, or one that cuts; empty where it does."""
        app = self._policy.apps.get(self._question.app)
        if app is None:
            return "the policy has no such app"
        if Scope.TICKETS not in app.scopes:
            return "the app lacks the scope `tickets`"
        credential = self._in_force.credential(app.id)
        if credential is None:
            return "the app was never added: `broker apps add`"
        return "an operator disabled the app" if credential.disabled else ""

    def _verdict(self, question: Question) -> Verdict:
        """What a dry run would meet."""
        self._view.trail.clear()
        credential = self._in_force.credential(question.app)
        generation = credential.generation if credential else 0
        caller = Caller(question.app, frozenset({Scope.TICKETS}), generation, Origin("", ""))
        try:
            told = rehearse(_request(question), caller, self._rooms)
        except LogUnavailable:
            raise
        except Refused as refusal:
            return Verdict(refusal.reason, refusal.detail)
        return Verdict(None, "", told.grant, told.template, told.account, told.warnings)

    def _of_grant(self, grant: Grant) -> GrantVerdict:
        asked = self._question
        applied = self._in_force.applied(grant.id)
        return GrantVerdict(
            grant=grant.id,
            template=grant.template,
            account=grant.account,
            scope=grant.scope,
            applied_at=applied.applied_at if applied else None,
            names_host=self._names_host(grant),
            verdict=self._verdict(Question(asked.app, asked.host, asked.vcenter, grant.id)),
        )

    def _names_host(self, grant: Grant) -> bool | None:
        """Whether a path of the scope leads to the host or above it, applied or not."""
        vcenter = self._policy.accounts[grant.account].vcenter
        if self._question.vcenter not in (None, vcenter):
            return None
        try:
            hosts = self._view.known_as(self._question.host, vcenter)
            return any(self._leads_to(path, host, vcenter) for path in grant.scope for host in hosts)
        except LogUnavailable:
            raise
        except Refused:
            return None

    def _leads_to(self, path: str, host: Host, vcenter: VcenterId) -> bool:
        try:
            target = self._view.survey(vcenter).tree.locate(path)
        except ScopeUnresolved:
            return False
        return target.moid in (host.ref.moid, *host.ancestors)

    def _steps(self, verdict: Verdict, barred: str, trail: Sequence[str]) -> Iterator[Step]:
        """Every stop up to the one that refused, then those that were not reached."""
        refused_at = Stop.APP if barred else _stop_of(verdict, trail)
        reached = True
        for stop in Stop:
            if stop is refused_at:
                yield Step(stop, State.REFUSED, f"{verdict.reason}: {verdict.detail}")
                reached = False
            elif not reached:
                yield Step(stop, State.NOT_REACHED, "")
            elif stop in (Stop.CALLERS_LIMIT, Stop.GRANTS_LIMIT):
                yield Step(stop, State.NOT_KNOWN, self._limit(stop, verdict))
            else:
                yield Step(stop, State.PASSED, self._passed(stop, verdict))

    def _limit(self, stop: Stop, verdict: Verdict) -> str:
        if stop is Stop.CALLERS_LIMIT:
            rate = self._policy.apps[self._question.app].rate
            return f"{rate.count} requests in {rate.seconds} s"
        if verdict.grant is None:
            return ""
        rate = self._policy.grants[verdict.grant].rate_per_host
        return f"{rate.count} tickets in {rate.seconds} s for each host"

    def _passed(self, stop: Stop, verdict: Verdict) -> str:
        warned = f"with warnings: {', '.join(verdict.warnings)}" if verdict.warnings else "the host is ready"
        return {
            Stop.APP: "it may ask for tickets",
            Stop.GRANTS: "there are grants that may be used",
            Stop.HOST: f"{self._question.host} means one host",
            Stop.SCOPE: f"{verdict.grant or 'one grant'} covers it, as applied",
            Stop.READINESS: warned,
            Stop.PROOF: "the account holds its template's privileges and nothing more",
        }[stop]

    def _advice(self, verdict: Verdict, grants: Sequence[GrantVerdict]) -> Iterator[str]:
        """What would have to change; a grant that names the host and was refused for less goes first."""
        if verdict.reason is None:
            return
        for near in grants:
            reason = near.verdict.reason
            unapplied = near.applied_at is None and reason is Reason.HOST_UNKNOWN
            if not near.names_host or reason in (None, verdict.reason) or unapplied:
                continue
            yield f"grant {near.grant} names the host, and is refused as {reason}: {_advised(near)}"
        if waiting := ", ".join(g.grant for g in grants if g.names_host and g.applied_at is None):
            yield f"never applied, though the scope names the host: {waiting}; `broker roles apply`"
        blind = [g.grant for g in grants if g.names_host and g.applied_at is not None]
        if blind and verdict.reason is Reason.HOST_UNKNOWN:
            yield f"applied for the host, and the account does not see it: {', '.join(blind)}; {PERMISSION}"
        else:
            yield ADVICE.get(verdict.reason, "See docs/reasons.md.")


def _advised(near: GrantVerdict) -> str:
    return ADVICE.get(near.verdict.reason, "") if near.verdict.reason else ""


_ABOUT_HOST = frozenset(
    {
        Reason.HOST_UNKNOWN,
        Reason.HOST_AMBIGUOUS,
        Reason.INVENTORY_STALE,
        Reason.VCENTER_UNAVAILABLE,
        Reason.VCENTER_BUSY,
        Reason.VCENTER_FAULT,
        Reason.VCENTER_TIMEOUT,
        Reason.LOGIN_LATCHED,
    }
)
_ABOUT_READINESS = frozenset({Reason.HOST_DISCONNECTED, Reason.HOST_VERSION_UNSUPPORTED})


def _stop_of(verdict: Verdict, trail: Sequence[str]) -> Stop | None:
    """Where the way ended: by what was asked last, and there by the reason. None where it did not."""
    if verdict.reason is None:
        return None
    if "prove" in trail:
        return Stop.PROOF
    if "facts" in trail or verdict.reason in _ABOUT_READINESS:
        return Stop.READINESS
    if "find" not in trail:
        return Stop.GRANTS
    return Stop.HOST if verdict.reason in _ABOUT_HOST else Stop.SCOPE


def _request(question: Question) -> TicketRequest:
    return TicketRequest(
        issuance=_NOBODYS,
        host=question.host,
        vcenter=question.vcenter,
        grant=question.grant,
        dry_run=True,
        idempotency_key=None,
        digest="",
    )


_NOBODYS = IssuanceId("explanation")
"""It stands on no record."""
