"""What a verification found, for people and for machines."""

from typing import Any

import click

from broker.texts import counted, printable
from broker.tlog.encoding import to_base64
from broker.verify.verdict import Verdict


def content_of(verdict: Verdict) -> dict[str, Any]:
    """The verdict as JSON has it."""
    head = verdict.head
    return {
        "good": verdict.good,
        "origin": head and head.origin,
        "size": head and head.size,
        "root": head and to_base64(head.root),
        "signers": list(verdict.signers),
        "keys_given": verdict.independent,
        "findings": [
            {"kind": finding.kind.value, "index": finding.index, "finding": str(finding)}
            for finding in verdict.findings
        ],
        "wrong": dict(verdict.wrong),
        "told": dict(verdict.told),
        "checked": dict(verdict.checked),
    }


def show_verdict(verdict: Verdict) -> None:
    """Print the verdict: the first that is wrong first."""
    for line in _lines(verdict):
        click.echo(printable(line))


def _lines(verdict: Verdict) -> list[str]:
    checked = ", ".join(counted(number, _WORDS[name]) for name, number in verdict.checked.items() if number)
    lines = [f"{'good' if verdict.good else 'WRONG'}: {checked or 'an empty log'}"]
    lines += [f"{finding}{_more(verdict, finding.kind)}" for finding in verdict.findings]
    if verdict.head is not None:
        head = verdict.head
        lines.append(f"{head.origin}, size {head.size}, root {to_base64(head.root)}")
        lines.append(f"signed by {', '.join(verdict.signers)}: {_trust(verdict)}")
    lines += [f"{counted(number, 'record')}: {told}" for told, number in verdict.told.items()]
    return lines


def _more(verdict: Verdict, kind: str) -> str:
    more = verdict.wrong[kind] - 1
    return f" (and {more} more of {kind})" if more else ""


def _trust(verdict: Verdict) -> str:
    if verdict.independent:
        return "a key that you gave"
    return (
        "a key by the log's own word, which shows only that it agrees with itself; "
        "give the key that you have from elsewhere with --key"
    )


_WORDS = {
    "records": "record",
    "attempts": "ended attempt",
    "open_attempts": "open attempt",
    "checkpoints": "kept checkpoint",
    "receipts": "receipt",
    "selected": "selected record",
    "proofs": "proof",
}
