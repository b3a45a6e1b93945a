"""Which ticket requests are on record, the same ones counted together."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from broker.errors import Reason
from broker.model.names import AppId, GrantId, HostName, VcenterId
from broker.model.record import Event

CODES = frozenset({Event.TICKET_ISSUED, Event.TICKET_REFUSED, Event.REQUEST_REFUSED})

_DECIDED = frozenset(
    {
        Reason.NOT_GRANTED,
        Reason.HOST_UNKNOWN,
        Reason.HOST_AMBIGUOUS,
        Reason.GRANT_UNKNOWN,
        Reason.GRANT_EXPIRED,
        Reason.GRANT_DISABLED,
        Reason.OUT_OF_SCOPE,
        Reason.GRANT_AMBIGUOUS,
        Reason.GRANT_CHANGED,
        Reason.NOT_APPLIED,
        Reason.DRIFTED,
        Reason.NARROWED,
        Reason.HOST_DISCONNECTED,
        Reason.HOST_VERSION_UNSUPPORTED,
    }
)
"""Refusals that a plan can turn into tickets."""


@dataclass(frozen=True, slots=True)
class Request:
    """Who asked for what, and whether a ticket was given. `grant` is the one named, or used."""

    app: AppId
    host: HostName
    vcenter: VcenterId | None
    grant: GrantId | None
    refused: Reason | None


@dataclass(frozen=True, slots=True)
class Asked:
    """How often a request stands in the log, and when last."""

    request: Request
    count: int
    last: str


@dataclass(frozen=True, slots=True)
class OnRecord:
    """What is on record: what can be decided anew, and how many refusals had other reasons."""

    asked: tuple[Asked, ...]
    left_out: int


def on_record(records: Iterable[Mapping[str, Any]]) -> OnRecord:
    """Of records of the events in CODES; what names no host or no app is left out."""
    found: dict[Request, Asked] = {}
    left_out = 0
    for record in records:
        request = _request(record["fields"])
        if request is None:
            left_out += 1
            continue
        before = found.get(request)
        found[request] = Asked(request, before.count + 1 if before else 1, record["ts"])
    return OnRecord(tuple(found.values()), left_out)


def _request(fields: Mapping[str, Any]) -> Request | None:
    refused = Reason(fields["reason"]) if "reason" in fields else None
    if "app" not in fields or "host" not in fields or (refused is not None and refused not in _DECIDED):
        return None
    vcenter, grant = fields.get("vcenter"), fields.get("grant")
    return Request(
        AppId(fields["app"]),
        HostName(fields["host"]),
        VcenterId(vcenter) if vcenter else None,
        GrantId(grant) if grant else None,
        refused,
    )
