"""From what was written and checked to the snapshot that is decided on: sorted, immutable, digested."""

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

from pydantic import ValidationError

from broker.errors import InvalidName
from broker.model.names import AccountId, AppId, GrantId, TemplateId, VcenterId
from broker.model.policy import (
    Account,
    App,
    DriftMode,
    Grant,
    Override,
    Policy,
    PublicKey,
    Rate,
    ReadinessMode,
    Scope,
    Template,
    TemplateKind,
    TicketKind,
    Vcenter,
)
from broker.model.secret import SecretCredential, SecretFile, SecretReference, SecretVariable
from broker.model.stores import PostgresqlStore, StoreLocation
from broker.model.tree import Kind
from broker.policy.decide import SYSTEM_PRIVILEGES
from broker.policy.digest import digest_of
from broker.policy.files import (
    AccountEntry,
    AppEntry,
    GrantEntry,
    OverrideEntry,
    RateText,
    SecretReferenceText,
    TemplateFile,
    VcenterEntry,
)
from broker.policy.store_files import URL, StoreEntry
from broker.policy.written import Body, Section, Written, WrittenPolicy


def compile_policy(
    written: WrittenPolicy, role_prefix: str, keys: Mapping[str, tuple[PublicKey, ...]]
) -> Policy:
    """The policy. Everything in `written` must fit and every reference lead somewhere."""
    vcenters = {v.id: v for v in map(_vcenter, _sorted(written.vcenters))}
    accounts = {a.id: a for a in map(_account, _sorted(written.accounts))}
    apps = {a.id: a for a in (_app(app, keys[app.id]) for app in _sorted(written.apps))}
    templates = {t.id: t for t in (_template(each, role_prefix) for each in _sorted(written.templates))}
    grants = {g.id: g for g in (_grant(each, templates, accounts) for each in _sorted(written.grants))}
    return Policy(
        revision=digest_of((vcenters, accounts, apps, templates, grants)),
        vcenters=MappingProxyType(vcenters),
        accounts=MappingProxyType(accounts),
        apps=MappingProxyType(apps),
        templates=MappingProxyType(templates),
        grants=MappingProxyType(grants),
    )


def _sorted(section: Section[Body]) -> list[Written[Body]]:
    return sorted(section, key=lambda entry: entry.id)


def compile_reference(reference: SecretReferenceText, folder: Path) -> SecretReference:
    """Where the secret is; a relative file starts at `folder`."""
    if reference.file is not None:
        return SecretFile(folder / reference.file)
    if reference.credential is not None:
        return SecretCredential(reference.credential)
    return SecretVariable(str(reference.variable))


def compile_store(store: StoreEntry, folder: Path) -> StoreLocation:
    """Where the store lies; relative paths start at `folder`."""
    if store.postgresql is None:
        return folder / str(store.sqlite)
    at = store.postgresql
    return PostgresqlStore(
        host=at.host,
        port=at.port,
        database=at.database,
        user=at.user,
        password=compile_reference(at.password, folder) if at.password else None,
        ca_file=folder / at.ca_file if at.ca_file else None,
    )


def location_of(written: object, folder: Path) -> StoreLocation:
    """Where the store lies, for who reads nothing else of its file. Raises InvalidName."""
    try:
        return compile_store(StoreEntry.model_validate(written), folder)
    except ValidationError:
        raise InvalidName("the store", f"a path, or {URL}") from None


def compile_rate(rate: RateText) -> Rate:
    """The same as a value of ours."""
    return Rate(rate.count, rate.seconds)


def _vcenter(entry: Written[VcenterEntry]) -> Vcenter:
    body = entry.body
    return Vcenter(
        id=VcenterId(entry.id),
        host=body.host,
        port=body.port,
        ca_file=entry.beside(body.ca_file),
        concurrency=body.concurrency,
        connect_timeout_s=body.connect_timeout_s,
        call_timeout_s=body.call_timeout_s,
        first_unsupported_major=body.first_unsupported_major,
    )


def _account(entry: Written[AccountEntry]) -> Account:
    return Account(
        id=AccountId(entry.id),
        vcenter=VcenterId(entry.body.vcenter),
        user=entry.body.user,
        password=compile_reference(entry.body.password, entry.document.file.parent),
        tolerated=frozenset(entry.body.tolerated),
        shared_by=frozenset(map(AppId, entry.body.shared_by)),
    )


def _app(entry: Written[AppEntry], keys: tuple[PublicKey, ...]) -> App:
    return App(
        id=AppId(entry.id),
        description=entry.body.description,
        owner=entry.body.owner,
        scopes=frozenset(map(Scope, entry.body.scopes)),
        keys=keys,
        rate=compile_rate(entry.body.rate),
    )


def _template(entry: Written[TemplateFile], role_prefix: str) -> Template:
    body = entry.body
    privileges = frozenset(privilege.id for privilege in body.privileges) - SYSTEM_PRIVILEGES
    entity_types = frozenset(map(Kind, body.entity_types))
    role_name = role_prefix + entry.id
    return Template(
        id=TemplateId(entry.id),
        description=body.description,
        privileges=privileges,
        role_name=role_name,
        revision=digest_of((entry.id, role_name, privileges, entity_types)),
        kind=TemplateKind(body.kind),
        enabled=body.enabled,
        reasons=MappingProxyType({privilege.id: privilege.reason for privilege in body.privileges}),
        sources=MappingProxyType({each.id: each.source for each in body.privileges if each.source}),
        entity_types=entity_types,
        ticket_kinds=frozenset(map(TicketKind, body.ticket_kinds)),
        max_days=body.max_days,
        max_rate_per_host=compile_rate(body.max_rate_per_host) if body.max_rate_per_host else None,
        owner=body.owner,
        review_by=body.review_by,
        overrides=tuple(map(_override, body.overrides)),
    )


def _override(body: OverrideEntry) -> Override:
    return Override(body.rule, body.privilege, body.reason, body.owner, body.expires)


def _grant(
    entry: Written[GrantEntry],
    templates: Mapping[TemplateId, Template],
    accounts: Mapping[AccountId, Account],
) -> Grant:
    body = entry.body
    template, account = templates[TemplateId(body.template)], accounts[AccountId(body.account)]
    scope = tuple(sorted(body.scope))
    # what `apply` acts on: not owner, reason, limits, end or drift, which change nothing in vCenter
    applied_as = (body.app, template.id, template.revision, account.id, account.user, account.vcenter, scope)
    return Grant(
        id=GrantId(entry.id),
        app=AppId(body.app),
        template=template.id,
        account=account.id,
        scope=scope,
        owner=body.owner,
        reason=body.reason,
        valid_until=body.valid_until,
        rate_per_host=compile_rate(body.rate_per_host),
        readiness=ReadinessMode(body.readiness),
        digest=digest_of(applied_as),
        drift=DriftMode(body.drift),
        overrides=tuple(map(_override, body.overrides)),
    )
