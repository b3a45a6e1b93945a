"""Render docs/reasons.md from the closed list: `python -m tests.docs.render_reasons > docs/reasons.md`."""

from broker.errors import REASONS
from broker.http.oauth.clients import ClientCause
from broker.http.oauth.tokens import Cause


def rendered() -> str:
    """The reference page of the reason codes."""
    lines = [
        "# Reason codes",
        "",
        "Every refusal and failure has one of these codes. The log holds the first column; the caller",
        'sees the second, so that "no such host" and "not yours" look alike. The body of the answer is',
        "a problem document (RFC 9457) with `code`, `id` and `advice`; quote the `id` to an admin.",
        "Where trying again can help, Retry-After says in how many seconds: for a budget when it has room",
        "again, else what stands in its column.",
        "",
        "| In the log | Shown as | HTTP | Retry-After | Meaning | What to do |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for reason, facts in REASONS.items():
        anchor = f'<a id="{reason}"></a>`{reason}`'
        told = (facts.status, facts.retry_after_s or "", facts.title, facts.advice)
        lines.append(f"| {anchor} | `{facts.shown_as}` | " + " | ".join(str(each) for each in told) + " |")
    lines += _causes(
        "Causes of `unauthenticated`",
        "Why a request to the API was turned away, in the field `cause` of the record `A202E`.",
        Cause,
    )
    lines += _causes(
        "Causes of `invalid_client`",
        "Why the token endpoint knew nobody, in the field `cause` of the record `A201E`. Its other two\n"
        "reasons are `insufficient_scope` and `rate_limited`, where the app had authenticated; the answer\n"
        "has the form of RFC 6749, and the `id` in its header `Broker-Request-Id`.",
        ClientCause,
    )
    return "\n".join(lines) + "\n"


def _causes(title: str, text: str, causes: type[Cause] | type[ClientCause]) -> list[str]:
    rows = [f"| `{cause}` | {cause.meaning} |" for cause in causes]
    told = f"{text} The caller is never told."
    return ["", f"## {title}", "", *told.splitlines(), "", "| Cause | Meaning |", "| --- | --- |", *rows]


if __name__ == "__main__":
    print(rendered(), end="")
