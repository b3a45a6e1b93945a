"""What admins wrote and what became of it, as models: templates and grants."""

from datetime import date
from typing import Annotated

from pydantic import Field

from broker.errors import REASONS
from broker.http.answers import Answer, Time
from broker.model.applied import Standing
from broker.model.policy import DriftMode, ReadinessMode, TemplateKind


class PrivilegeAnswer(Answer):
    """A privilege, what it is needed for, and where that is written."""

    id: str
    reason: str
    source: str | None


class OverrideAnswer(Answer):
    """A finding of `broker roles lint` that somebody answers for, until the end of a day in UTC."""

    rule: str
    privilege: str | None
    reason: str
    owner: str
    expires: date


class RateAnswer(Answer):
    """At most `count` in any `seconds`."""

    count: int
    seconds: int


class TemplateAnswer(Answer):
    """A template, and the role that it is in vCenter."""

    id: str
    description: str
    kind: Annotated[str, Field(json_schema_extra={"enum": [str(k) for k in TemplateKind]})]
    enabled: bool
    privileges: tuple[PrivilegeAnswer, ...]
    entity_types: tuple[str, ...]
    ticket_kinds: tuple[str, ...]
    max_days: Annotated[int | None, Field(description="How far away the end of a grant may be.")]
    max_rate_per_host: RateAnswer | None
    owner: str
    review_by: date
    overrides: tuple[OverrideAnswer, ...]
    role_name: str
    revision: Annotated[str, Field(description="A digest of what the template means.")]
    grants: Annotated[int, Field(description="How many grants name it.")]


class TemplatesAnswer(Answer):
    """Templates, in the order of their ids."""

    items: tuple[TemplateAnswer, ...]
    next_cursor: str | None


class ScopeAnswer(Answer):
    """An inventory path and the object that it resolved to."""

    path: str
    instance_uuid: str
    moid: str


class AppliedAnswer(Answer):
    """A grant as it was last applied to vCenter."""

    at: Time
    current: Annotated[
        bool, Field(description="Whether grant and template are still written as they were applied.")
    ]
    standing: Annotated[str, Field(json_schema_extra={"enum": [str(s) for s in Standing]})]
    finding: Annotated[str, Field(description="What no longer holds; empty while all does.")]
    role_id: int
    scope: tuple[ScopeAnswer, ...]


class GrantAnswer(Answer):
    """A grant, and whether tickets are issued under it."""

    id: str
    app: str
    template: str
    account: str
    vcenter: str
    scope: tuple[str, ...]
    owner: str
    reason: str
    valid_until: Time
    rate_per_host: RateAnswer
    readiness: Annotated[str, Field(json_schema_extra={"enum": [str(m) for m in ReadinessMode]})]
    drift: Annotated[str, Field(json_schema_extra={"enum": [str(m) for m in DriftMode]})]
    overrides: tuple[OverrideAnswer, ...]
    disabled: Annotated[bool, Field(description="Whether an operator cut it.")]
    applied: Annotated[AppliedAnswer | None, Field(description="null where it was never applied.")]
    refused_for: Annotated[
        str | None,
        Field(
            description="Why no request is issued a ticket under it just now, host and account apart.",
            json_schema_extra={"enum": [*map(str, REASONS), None]},
        ),
    ]


class GrantsAnswer(Answer):
    """Grants, in the order of their ids."""

    items: tuple[GrantAnswer, ...]
    next_cursor: str | None
