"""What the log says of an issuance, or of an answer that carried an id."""

from collections.abc import Iterable, Mapping
from typing import Any

from broker.errors import BrokerError
from broker.explain.explanation import Past, Question
from broker.model.names import AppId, GrantId, HostName, IssuanceId, VcenterId


class NotOnRecord(BrokerError):
    """The log has nothing under this id."""


def past_of(issuance: IssuanceId, records: Iterable[Mapping[str, Any]]) -> Past:
    """The last word of the records, with what only an earlier one tells. Raises NotOnRecord.

    `grant` is the one that was asked for or decided on; a refusal may have had none.
    """
    told = list(records)
    if not told:
        raise NotOnRecord(
            f"nothing is on record under {issuance}: refusals beyond an app's budget are recorded together"
        )
    fields: dict[str, Any] = {}
    for record in told:
        fields |= record["fields"]
    last = told[-1]
    return Past(
        issuance=issuance,
        at=last["ts"],
        event=last["event"],
        app=_text(fields, "app", AppId),
        host=_text(fields, "host", HostName),
        vcenter=_text(fields, "vcenter", VcenterId),
        grant=_text(fields, "grant", GrantId),
        reason=_text(last["fields"], "reason", str),
        detail=str(last["fields"].get("detail", "")),
        policy_revision=_text(fields, "policy_revision", str),
    )


def question_of(past: Past) -> Question | None:
    """The request that it was, to be asked today; None where it was none for a ticket."""
    if past.app is None or past.host is None:
        return None
    return Question(past.app, past.host, past.vcenter, past.grant)


def _text(fields: Mapping[str, Any], name: str, kind: Any) -> Any:  # noqa: ANN401 - a constructor of one of our names
    value = fields.get(name)
    return kind(value) if isinstance(value, str) else None
