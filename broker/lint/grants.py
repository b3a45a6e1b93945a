"""Rules about who is granted what, and where."""

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping
from datetime import UTC, datetime, time

from broker.lint.findings import Found, Material, Rule, Severity, Subject, SubjectKind
from broker.lint.lookalikes import what_deceives
from broker.model.names import GrantId
from broker.model.policy import Grant
from broker.policy.decide import ends_too_late
from broker.policy.nodes import KeyPath

_HOSTS = "host"
"""The folder of each datacenter below which its hosts are."""

_MOST_NAMED = 3


def _whole_datacenter(material: Material) -> Iterator[Found]:
    for grant in material.policy.grants.values():
        for path in grant.scope:
            if _HOSTS not in path.split("/")[2:]:
                yield _found(
                    grant, ("scope",), f"{path} is a datacenter or above one: it propagates to all below"
                )


def _tolerated(material: Material) -> Iterator[Found]:
    for account in material.policy.accounts.values():
        if account.tolerated:
            held = ", ".join(sorted(account.tolerated))
            text = f"may hold on the root folder, from where it can propagate: {held}"
            yield Found(Subject(SubjectKind.ACCOUNT, account.id), ("tolerated",), text)


def _overlapping(material: Material) -> Iterator[Found]:
    """Of one app's grants on one vCenter, each whose scope another's holds or shares."""
    policy = material.policy
    for here in _grouped(policy.grants.values(), lambda g: (g.app, policy.accounts[g.account].vcenter)):
        places = _places(here)
        for grant in here:
            others = {each.id for path in grant.scope for _, each in _around(path, places)} - {grant.id}
            if others:
                yield _found(grant, ("scope",), f"shares hosts with {_some(others)} of the same app")


def _shadowed(material: Material) -> Iterator[Found]:
    """Of one account's grants, each that takes another template's permission away further down."""
    for here in _grouped(material.policy.grants.values(), lambda grant: grant.account):
        places = _places(here)
        for grant in here:
            others = {each.id for path in grant.scope for each in _replaced(grant, path, places)}
            if others:
                text = f"lies in the scope of {_some(others)}, whose template its own replaces there"
                yield _found(grant, ("scope",), text)


def _replaced(grant: Grant, path: str, places: Mapping[str, list[Grant]]) -> Iterator[Grant]:
    for above, other in _around(path, places):
        if above != path and other.template != grant.template:
            yield other


def _shared(material: Material) -> Iterator[Found]:
    for account in material.policy.accounts.values():
        if len(account.shared_by) > 1:
            text = f"serves {', '.join(sorted(account.shared_by))}: vCenter's own log cannot tell them apart"
            yield Found(Subject(SubjectKind.ACCOUNT, account.id), ("shared_by",), text)


def _too_long(material: Material) -> Iterator[Found]:
    now = datetime.combine(material.today, time(), UTC)
    for grant in material.policy.grants.values():
        template = material.policy.templates[grant.template]
        if ends_too_late(grant, template, now):
            text = f"ends more than {template.max_days} days from now, and {template.id} allows no more"
            yield _found(grant, ("valid_until",), text)


def _of_disabled(material: Material) -> Iterator[Found]:
    for grant in material.policy.grants.values():
        if not material.policy.templates[grant.template].enabled:
            yield _found(
                grant, ("template",), f"names {grant.template}, which is disabled: nothing is issued"
            )


def _expired(material: Material) -> Iterator[Found]:
    for grant in material.policy.grants.values():
        if grant.valid_until.date() < material.today:
            yield _found(
                grant, ("valid_until",), "has ended: nothing is issued, and its permission still stands"
            )


def _lookalike(material: Material) -> Iterator[Found]:
    for grant in material.policy.grants.values():
        for path in grant.scope:
            for name in () if path.isascii() else path.split("/"):
                if deceptive := what_deceives(name):
                    yield _found(grant, ("scope",), f"names {name}, which {deceptive}")


def _grouped(grants: Iterable[Grant], key: Callable[[Grant], Hashable]) -> Iterable[list[Grant]]:
    groups: dict[Hashable, list[Grant]] = defaultdict(list)
    for grant in grants:
        groups[key(grant)].append(grant)
    return groups.values()


def _places(grants: list[Grant]) -> Mapping[str, list[Grant]]:
    places: dict[str, list[Grant]] = defaultdict(list)
    for grant in grants:
        for path in grant.scope:
            places[path].append(grant)
    return places


def _around(path: str, places: Mapping[str, list[Grant]]) -> Iterator[tuple[str, Grant]]:
    """The grants on the place itself and on all that it lies in, each with where."""
    while path:
        for grant in places.get(path, ()):
            yield path, grant
        path = path.rpartition("/")[0]


def _some(ids: set[GrantId]) -> str:
    named = sorted(ids)[:_MOST_NAMED]
    more = f" and {len(ids) - len(named)} more" if len(ids) > len(named) else ""
    return ", ".join(named) + more


def _found(grant: Grant, key: KeyPath, text: str) -> Found:
    return Found(Subject(SubjectKind.GRANT, grant.id), key, text)


RULES = (
    Rule(
        "BR003",
        "whole-datacenter",
        Severity.WARNING,
        "A scope is a whole datacenter, or a folder of them: the permission propagates to every host, "
        "machine, network and datastore in it, those of later years too. (The root folder is no scope at "
        "all: the policy refuses it.)",
        "Name folders, clusters or hosts below the datacenter's `host` folder, or override this.",
        _whole_datacenter,
    ),
    Rule(
        "BR004",
        "tolerated-on-root",
        Severity.WARNING,
        "An account may hold privileges on the root folder, from where they can propagate to everything.",
        "Take the permission away from the root folder, and `tolerated` out of the account.",
        _tolerated,
    ),
    Rule(
        "BR010",
        "overlapping-grants",
        Severity.WARNING,
        "Two grants of one app share hosts: a request for one of them is refused as `grant_ambiguous` "
        "unless it names a grant.",
        "Take the shared part out of one of the scopes, or override this where the app names its grants.",
        _overlapping,
    ),
    Rule(
        "BR011",
        "shadowed-grant",
        Severity.ERROR,
        "Of two grants through one account, one lies in the other's scope and has another template: vCenter "
        "lets the permission on the child replace the one from above, so on those hosts the upper grant's "
        "account lacks its template.",
        "Use an account for each template, or take the part out of the upper scope.",
        _shadowed,
    ),
    Rule(
        "BR012",
        "shared-account",
        Severity.WARNING,
        "Several apps share an account: vCenter sees one identity, and what an app did stands in the "
        "broker's records alone (DISA STIG VCSA-80-000278 asks for an account for each app).",
        "Give each app an account of its own.",
        _shared,
    ),
    Rule(
        "BR016",
        "grant-too-long",
        Severity.ERROR,
        "A grant ends later than its template allows; until that day is near enough its tickets are "
        "refused as `grant_too_long`.",
        "Let the grant end sooner, or raise `max_days` of the template.",
        _too_long,
    ),
    Rule(
        "BR017",
        "disabled-template",
        Severity.WARNING,
        "A grant names a template that is disabled: its tickets are refused as `template_disabled`.",
        "Enable the template, or remove the grant.",
        _of_disabled,
    ),
    Rule(
        "BR018",
        "expired-grant",
        Severity.WARNING,
        "A grant has ended. Nothing is issued under it, and what was applied for it still stands in vCenter.",
        "Remove it and apply, or give it a new end.",
        _expired,
    ),
    Rule(
        "BR019",
        "look-alike-name",
        Severity.WARNING,
        "A name in a scope can be taken for another: its letters are of scripts that look alike, or it is "
        "written in another form of Unicode than it is shown in. Whoever can rename folders could have put "
        "it beside the one that is meant.",
        "Type the name anew; where the inventory's own name is so, rename it there.",
        _lookalike,
    ),
)
