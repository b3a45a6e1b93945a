"""What the controller found in vCenter, as models."""

from typing import Annotated

from pydantic import Field

from broker.http.answers import Answer, Time
from broker.model.applied import DriftKind, Standing


class FindingAnswer(Answer):
    """One thing that is not as it was applied."""

    kind: Annotated[str, Field(json_schema_extra={"enum": [str(kind) for kind in DriftKind]})]
    text: str
    changed_by: Annotated[
        str, Field(description="Whom vCenter's events name, as vCenter writes it; empty where none tells.")
    ]


class DriftAnswer(Answer):
    """A grant under which no ticket is issued, since vCenter is not as it was applied."""

    grant: str
    app: str
    template: str
    vcenter: str
    standing: Annotated[
        str, Field(json_schema_extra={"enum": [str(s) for s in Standing if s is not Standing.HOLDS]})
    ]
    found_at: Time
    applied_at: Time
    findings: tuple[FindingAnswer, ...]


class WatchedAnswer(Answer):
    """A vCenter, and until when the controller knew how it stands."""

    vcenter: str
    heard_at: Annotated[Time | None, Field(description="null where the controller never told of it.")]
    silent: Annotated[
        bool,
        Field(
            description="Whether that is more than ten minutes ago. Grants that are strict about drift "
            "are refused then, and what is listed here may be out of date."
        ),
    ]
    drifted: Annotated[int, Field(ge=0, description="How many of its grants drifted.")]


class DriftsAnswer(Answer):
    """Grants that drifted, in the order of their ids, and every vCenter in which a grant is applied."""

    items: tuple[DriftAnswer, ...]
    next_cursor: str | None
    vcenters: tuple[WatchedAnswer, ...]
