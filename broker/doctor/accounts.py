"""Findings about a low-privilege account. Pure.

It exists, nobody refuses it, and it holds its templates' privileges on its hosts and nothing anywhere else.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from broker.doctor.catalogue import Check
from broker.doctor.finding import Finding, some
from broker.doctor.reach import Reach
from broker.model.names import Moid, TemplateId, VcenterId
from broker.model.policy import Account, Template
from broker.model.principals import canonical_user
from broker.model.record import JsonValue
from broker.model.survey import Survey
from broker.model.tree import Entity
from broker.policy.decide import SYSTEM_PRIVILEGES

WINDOW_S = 600
"""How far back refused log-ins are counted."""


@dataclass(frozen=True, slots=True)
class AccountFacts:
    """What was read of one account."""

    known: bool | None
    """Whether vCenter's directory has it; None where it cannot tell."""
    latched_since: datetime | None
    """Since when its log-ins are stopped, by the broker's store."""
    refused_lately: int
    """Log-ins that vCenter refused in the last WINDOW_S."""
    held: Mapping[Moid, frozenset[str]]
    """Effective privileges on its hosts, the root folder, and wherever it or a group has a permission."""


def of_account(
    account: Account,
    facts: AccountFacts,
    reached: tuple[Reach, ...],
    survey: Survey,
    templates: Mapping[TemplateId, Template],
) -> Iterator[Finding]:
    """Everything about one account; `reached` are its own grants."""
    about = _About(account, survey)
    yield from _existence(about, facts)
    if facts.known is False:
        return  # all else follows from it
    for reach in reached:
        yield from _on_hosts(about, reach, facts.held, templates[reach.grant.template])
    yield from _on_root(about, facts.held)
    yield from _elsewhere(about, facts.held, reached)


def places_of(user: str, reached: Iterable[Reach], survey: Survey) -> tuple[Entity, ...]:
    """Where to ask for an account's privileges: its hosts, the root folder, and where it may get others.

    That is every object with a permission of its own, or of a group: nobody tells who is in one.
    """
    moids = dict.fromkeys(host for reach in reached for host in reach.hosts)
    moids[survey.tree.root] = None
    wanted = canonical_user(user)
    for entity, permissions in sorted(survey.permissions.items()):
        if any(p.group or canonical_user(p.principal) == wanted for p in permissions):
            moids[entity] = None
    nodes = (survey.tree.node(moid) for moid in moids)
    return tuple(Entity(node.kind, node.moid) for node in nodes if node is not None)


@dataclass(frozen=True, slots=True)
class _About:
    account: Account
    survey: Survey

    @property
    def vcenter(self) -> VcenterId:
        return self.account.vcenter

    def found(self, check: Check, text: str, **facts: JsonValue) -> Finding:
        return Finding(check, self.vcenter, f"account {self.account.id}", text, facts)

    def path(self, moid: Moid) -> str:
        return self.survey.tree.path_of(moid) or moid


def _existence(about: _About, facts: AccountFacts) -> Iterator[Finding]:
    user = about.account.user
    if facts.known is False:
        yield about.found(Check.NO_SUCH_ACCOUNT, f"vCenter's directory has no user {user}", user=user)
    elif facts.known is None:
        yield about.found(Check.DIRECTORY_SILENT, f"vCenter's directory knows no domain of {user}", user=user)
    if facts.latched_since is not None:
        since = facts.latched_since.isoformat()
        yield about.found(Check.LATCHED, f"a password of {user} was refused at {since}", since=since)
    if facts.refused_lately:
        text = (
            f"vCenter refused {facts.refused_lately} log-ins of {user} in the last {WINDOW_S // 60} minutes"
        )
        yield about.found(Check.LOGINS_REFUSED, text, refused=facts.refused_lately)


def _on_hosts(
    about: _About, reach: Reach, held: Mapping[Moid, frozenset[str]], template: Template
) -> Iterator[Finding]:
    """Hosts with the same difference make one finding. Equal, as the proof of each ticket demands."""
    wanted = template.privileges - SYSTEM_PRIVILEGES
    found: dict[tuple[Check, frozenset[str]], list[str]] = defaultdict(list)
    for host in reach.hosts:
        here = held.get(host, frozenset())
        if lack := wanted - here:
            found[Check.ACCOUNT_LACKS, lack].append(about.path(host))
        if surplus := here - wanted:
            found[Check.ACCOUNT_EXCEEDS, surplus].append(about.path(host))
    for (check, privileges), hosts in found.items():
        names = tuple(sorted(privileges))
        verb = "lacks" if check is Check.ACCOUNT_LACKS else "holds beyond its template"
        text = f"for grant {reach.grant.id} it {verb} {some(names)} on {some(tuple(hosts))}"
        yield about.found(check, text, grant=reach.grant.id, privileges=list(names), hosts=hosts)


def _on_root(about: _About, held: Mapping[Moid, frozenset[str]]) -> Iterator[Finding]:
    surplus = held.get(about.survey.tree.root, frozenset()) - about.account.tolerated
    if surplus:
        names = sorted(surplus)
        yield about.found(Check.ROOT_HELD, f"it holds {some(tuple(names))} there", privileges=names)


def _elsewhere(
    about: _About, held: Mapping[Moid, frozenset[str]], reached: tuple[Reach, ...]
) -> Iterator[Finding]:
    """Objects with a permission of its own or a group's, outside its scopes and the root folder."""
    scopes = {target.moid for reach in reached for target in reach.targets}
    scopes |= {target.entity.moid for reach in reached for target in reach.targets}
    for entity in sorted(about.survey.permissions):
        lineage = about.survey.tree.lineage(entity)
        if entity == about.survey.tree.root or scopes & set(lineage):
            continue
        own = _own_role(about, entity)
        if privileges := held.get(entity, frozenset()):
            how = f"by its role {own}" if own else "by a group, or by a permission above"
            names = sorted(privileges)
            text = f"it holds {some(tuple(names))} on {about.path(entity)}, {how}"
            yield about.found(Check.HELD_ELSEWHERE, text, path=about.path(entity), privileges=names)
        elif own:
            text = f"it has the role {own} on {about.path(entity)}"
            yield about.found(Check.PERMITTED_ELSEWHERE, text, path=about.path(entity), role=own)


def _own_role(about: _About, entity: Moid) -> str | None:
    own = about.survey.permission_of(entity, canonical_user(about.account.user))
    if own is None:
        return None
    role = about.survey.roles.get(own.role_id)
    return role.name if role else str(own.role_id)
