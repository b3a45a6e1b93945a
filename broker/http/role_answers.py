"""What admins wrote and what became of it, as models: templates and grants."""

from typing import Annotated

from pydantic import Field

from broker.errors import REASONS
from broker.http.answers import Answer, Time
from broker.model.applied import Standing
from broker.model.policy import ReadinessMode


class TemplateAnswer(Answer):
    """A template, and the role that it is in vCenter."""

    id: str
    description: str
    privileges: tuple[str, ...]
    role_name: str
    revision: Annotated[str, Field(description="A digest of what the template means.")]
    grants: Annotated[int, Field(description="How many grants name it.")]


class TemplatesAnswer(Answer):
    """Templates, in the order of their ids."""

    items: tuple[TemplateAnswer, ...]
    next_cursor: str | None


class RateAnswer(Answer):
    """At most `count` in any `seconds`."""

    count: int
    seconds: int


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
