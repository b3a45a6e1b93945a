"""What one file says of another: every reference leads somewhere, and no identity is two."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from typing import TypeVar

from pydantic import BaseModel

from broker.model.principals import canonical_user
from broker.policy.files import AccountEntry, GrantEntry
from broker.policy.nodes import Entry, KeyPath, ListNode, ScalarNode, key_text
from broker.policy.problems import Problems
from broker.policy.written import Section, Written, WrittenPolicy

_Body = TypeVar("_Body", bound=BaseModel)
_Other = TypeVar("_Other", bound=BaseModel)


def check_references(policy: WrittenPolicy, problems: Problems) -> None:
    """Note every reference that leads nowhere, and every identity that stands for two."""
    _lead(policy.accounts, "vcenter", policy.vcenters, "vcenters.yaml", problems)
    _lead(policy.accounts, "shared_by", policy.apps, "apps.yaml", problems)
    _lead(policy.grants, "app", policy.apps, "apps.yaml", problems)
    _lead(policy.grants, "template", policy.templates, "roles/", problems)
    _lead(policy.grants, "account", policy.accounts, "accounts.yaml", problems)
    _one_entry_per_vcenter(policy, problems)
    _one_entry_per_user(policy, problems)
    _sharing_is_acknowledged(policy, problems)
    _one_role_per_place(policy, problems)


def _lead(entries: Section[_Body], key: str, section: Section[_Other], file: str, problems: Problems) -> None:
    """Hold raw entries against the other file, so that one mistake in an entry hides no other."""
    for document, path, node in entries.raw:
        for where, to in _texts_at((*path, key), node.entries.get(key)):
            if not section.has(to):
                advice = f"Add that id to {file}, or name one that is there"
                problems.note(
                    document.file, document.line_of(where), key_text(where), "leads nowhere", advice
                )


def _texts_at(path: KeyPath, entry: Entry | None) -> Iterator[tuple[KeyPath, str]]:
    node = entry.node if entry else None
    if isinstance(node, ListNode):
        items = [((*path, index), item) for index, item in enumerate(node.items)]
    else:
        items = [(path, node)] if node else []
    for where, item in items:
        if isinstance(item, ScalarNode) and isinstance(item.value, str):
            yield where, item.value


def _one_entry_per_vcenter(policy: WrittenPolicy, problems: Problems) -> None:
    seen: dict[tuple[str, int], str] = {}
    for vcenter in policy.vcenters:
        first = seen.setdefault((vcenter.body.host, vcenter.body.port), vcenter.id)
        if first != vcenter.id:
            vcenter.note(problems, ("host",), f"is the vCenter of {first} again", "Keep one of the two")


def _one_entry_per_user(policy: WrittenPolicy, problems: Problems) -> None:
    seen: dict[tuple[str, str], str] = {}
    for account in policy.accounts:
        identity = (account.body.vcenter, canonical_user(account.body.user))
        first = seen.setdefault(identity, account.id)
        if first != account.id:
            account.note(
                problems,
                ("user",),
                f"is the user of account {first} again: vCenter sees one identity",
                "Keep one account, or give this one a user of its own",
            )


def _sharing_is_acknowledged(policy: WrittenPolicy, problems: Problems) -> None:
    using: Mapping[str, list[Written[GrantEntry]]] = defaultdict(list)
    for grant in policy.grants:
        using[grant.body.account].append(grant)
    for account in policy.accounts:
        grants = using[account.id]
        apps, acknowledged = {grant.body.app for grant in grants}, set(account.body.shared_by)
        if len(apps) > 1 and not acknowledged:
            _note_unacknowledged(account, grants, problems)
        elif acknowledged and apps != acknowledged and policy.grants.complete:
            account.note(
                problems,
                ("shared_by",),
                f"does not name exactly the apps whose grants use the account: {_listed(apps)}",
                "Name exactly those, or leave the key out when it is one app",
            )


def _note_unacknowledged(
    account: Written[AccountEntry], grants: Iterable[Written[GrantEntry]], problems: Problems
) -> None:
    first, *others = grants
    for grant in others:
        if grant.body.app != first.body.app:
            grant.note(
                problems,
                ("account",),
                f"serves {_listed({first.body.app, grant.body.app})}: vCenter sees one identity",
                f"Use an account of its own, or acknowledge it by shared_by in account {account.id}",
            )


def _one_role_per_place(policy: WrittenPolicy, problems: Problems) -> None:
    """One role for each pair of principal and object is all that vCenter keeps (SetEntityPermissions)."""
    places: Mapping[tuple[str, str], list[Written[GrantEntry]]] = defaultdict(list)
    for grant in policy.grants:
        for index, path in enumerate(grant.body.scope):
            here = places[grant.body.account, path]
            here.append(grant)
            if here[0].body.template != grant.body.template:
                grant.note(
                    problems,
                    ("scope", index),
                    f"has another template in grant {here[0].id}, for the same account",
                    "Use an account for each: vCenter keeps one role per account and object",
                )


def _listed(ids: Iterable[str]) -> str:
    return ", ".join(sorted(ids)) or "none"
