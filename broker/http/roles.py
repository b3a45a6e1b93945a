"""GET /v1/templates and /v1/grants: what admins wrote, and what became of it. Nothing changes it here."""

from collections import Counter
from collections.abc import Mapping
from datetime import datetime
from typing import TypeVar

from flask import Response, request

from broker.errors import Reason, Refused
from broker.http.context import asked
from broker.http.query import asked_page_by_id
from broker.http.recording import refusals_on_record
from broker.http.replies import reply
from broker.http.role_answers import (
    AppliedAnswer,
    GrantAnswer,
    GrantsAnswer,
    OverrideAnswer,
    PrivilegeAnswer,
    RateAnswer,
    ScopeAnswer,
    TemplateAnswer,
    TemplatesAnswer,
)
from broker.model.applied import AppliedGrant
from broker.model.policy import Grant, Override, Policy, Rate, Template
from broker.policy.decide import judge_grant
from broker.policy.watched import judge_watch
from broker.ports.access import AccessLog
from broker.ports.issuing import InForce, Rooms

TEMPLATES = "/v1/templates"
GRANTS = "/v1/grants"

Id = TypeVar("Id", bound=str)
Item = TypeVar("Item")


class RoleViews:
    """Both views, of the policy in force in this process. The cursor of a page is its last id."""

    def __init__(self, rooms: Rooms, log: AccessLog) -> None:
        self._rooms = rooms
        self._log = log

    def templates(self) -> Response:
        """A page of templates."""
        size, start = self._asked(TEMPLATES)
        policy = self._rooms.policy.current()
        used = Counter(grant.template for grant in policy.grants.values())
        page, more = _page(policy.templates, start, size)
        items = tuple(_template(template, used[template.id]) for template in page)
        return reply(TemplatesAnswer(items=items, next_cursor=items[-1].id if more else None))

    def grants(self) -> Response:
        """A page of grants, each with what the store says of it."""
        size, start = self._asked(GRANTS)
        policy, in_force = self._rooms.policy.current(), self._rooms.entitlements.now()
        page, more = _page(policy.grants, start, size)
        items = tuple(self._grant(grant, policy, in_force) for grant in page)
        return reply(GrantsAnswer(items=items, next_cursor=items[-1].id if more else None))

    def _asked(self, path: str) -> tuple[int, str | None]:
        """How much is asked for, and after what; charged to the caller."""
        about = asked()
        with refusals_on_record(self._log, about, path):
            self._rooms.limits.charge_caller(about.known.app)
            return asked_page_by_id(request)

    def _grant(self, grant: Grant, policy: Policy, in_force: InForce) -> GrantAnswer:
        applied, disabled = in_force.applied(grant.id), in_force.grant_disabled(grant.id)
        return GrantAnswer(
            id=grant.id,
            app=grant.app,
            template=grant.template,
            account=grant.account,
            vcenter=policy.accounts[grant.account].vcenter,
            scope=grant.scope,
            owner=grant.owner,
            reason=grant.reason,
            valid_until=grant.valid_until,
            rate_per_host=_rate(grant.rate_per_host),
            readiness=grant.readiness,
            drift=grant.drift,
            overrides=tuple(map(_override, grant.overrides)),
            disabled=disabled,
            applied=None if applied is None else _applied(applied, grant),
            refused_for=_refused_for(policy, grant, in_force, self._rooms.clock.now()),
        )


def _refused_for(policy: Policy, grant: Grant, in_force: InForce, now: datetime) -> Reason | None:
    applied = in_force.applied(grant.id)
    try:
        judge_grant(policy, grant, applied, in_force.grant_disabled, now)
        if applied is not None:
            judge_watch(grant, applied, in_force, now)
    except Refused as refusal:
        return refusal.reason
    return None


def _template(template: Template, grants: int) -> TemplateAnswer:
    return TemplateAnswer(
        id=template.id,
        description=template.description,
        kind=template.kind,
        enabled=template.enabled,
        privileges=tuple(_privilege(each, template) for each in sorted(template.privileges)),
        entity_types=tuple(sorted(template.entity_types)),
        ticket_kinds=tuple(sorted(template.ticket_kinds)),
        max_days=template.max_days,
        max_rate_per_host=_rate(template.max_rate_per_host) if template.max_rate_per_host else None,
        owner=template.owner,
        review_by=template.review_by,
        overrides=tuple(map(_override, template.overrides)),
        role_name=template.role_name,
        revision=template.revision,
        grants=grants,
    )


def _privilege(privilege: str, template: Template) -> PrivilegeAnswer:
    return PrivilegeAnswer(
        id=privilege,
        reason=template.reasons.get(privilege, ""),
        source=template.sources.get(privilege),
    )


def _rate(rate: Rate) -> RateAnswer:
    return RateAnswer(count=rate.count, seconds=rate.seconds)


def _override(override: Override) -> OverrideAnswer:
    return OverrideAnswer(
        rule=override.rule,
        privilege=override.privilege,
        reason=override.reason,
        owner=override.owner,
        expires=override.expires,
    )


def _applied(applied: AppliedGrant, grant: Grant) -> AppliedAnswer:
    return AppliedAnswer(
        at=applied.applied_at,
        current=applied.digest == grant.digest,
        standing=applied.standing,
        finding=applied.finding,
        role_id=applied.role_id,
        scope=tuple(
            ScopeAnswer(path=e.path, instance_uuid=e.instance_uuid, moid=e.moid) for e in applied.scope
        ),
    )


def _page(items: Mapping[Id, Item], start: str | None, size: int) -> tuple[list[Item], bool]:
    """The items after `start`, and whether there are more."""
    rest = sorted(each for each in items if start is None or each > start)
    return [items[each] for each in rest[:size]], len(rest) > size
