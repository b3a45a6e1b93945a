"""Render docs/reasons.md from the closed list: `python -m tests.docs.render_reasons > docs/reasons.md`."""

from broker.errors import REASONS


def rendered() -> str:
    """The reference page of the reason codes."""
    lines = [
        "# Reason codes",
        "",
        "Every refusal and failure has one of these codes. The log holds the first column; the caller",
        'sees the second, so that "no such host" and "not yours" look alike. The body of the answer is',
        "a problem document (RFC 9457) with `code`, `id` and `advice`; quote the `id` to an admin.",
        "",
        "| In the log | Shown as | HTTP | Meaning | What to do |",
        "| --- | --- | --- | --- | --- |",
    ]
    for reason, facts in REASONS.items():
        anchor = f'<a id="{reason}"></a>`{reason}`'
        lines.append(f"| {anchor} | `{facts.shown_as}` | {facts.status} | {facts.title} | {facts.advice} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    print(rendered(), end="")
