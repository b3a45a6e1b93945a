"""The form of every refusal and failure (RFC 9457), whoever says it."""

from broker.errors import REASONS, Reason
from broker.model.names import IssuanceId

MEDIA_TYPE = "application/problem+json"
REFERENCE = "/docs/reasons.md"


def document(reason: Reason, answer_id: IssuanceId) -> dict[str, object]:
    """The fields that each has: what differs only inside the broker looks the same from outside."""
    facts = REASONS[reason]
    return {
        "type": f"{REFERENCE}#{facts.shown_as}",
        "title": facts.title,
        "status": facts.status,
        "code": str(facts.shown_as),
        "id": answer_id,
        "advice": facts.advice,
    }
