"""How findings are told: lines for people, values for machines."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from broker.lint.findings import Severity
from broker.lint.run import Finding
from broker.texts import counted


def lines(findings: Sequence[Finding], base: Path) -> Iterator[str]:
    """Two lines for each finding, what it is and what to do, and one that counts them."""
    for each in findings:
        yield from explained(each, base)
    yield summary(findings)


def explained(finding: Finding, base: Path) -> Iterator[str]:
    """Where it is and what it is, and what to do."""
    rule = finding.rule
    where = f"{shown(finding.file, base)}:{finding.line}"
    yield f"{where}: {_grade(finding)} {rule.id} {rule.name}: {_said(finding)}"
    yield f"  {_what_to_do(finding)}"


def summary(findings: Sequence[Finding]) -> str:
    """How many there are of each severity, and how many are accepted."""
    open_ones = [each for each in findings if each.override is None]
    counts = [counted(sum(e.rule.severity is s for e in open_ones), s) for s in Severity]
    return f"{', '.join(counts)}, {len(findings) - len(open_ones)} accepted"


def values(findings: Sequence[Finding], base: Path) -> list[dict[str, object]]:
    """The same for machines, as values that `json` takes."""
    return [
        {
            "rule": each.rule.id,
            "name": each.rule.name,
            "severity": str(each.rule.severity),
            "subject": {"kind": str(each.subject.kind), "id": each.subject.id},
            "privilege": each.privilege,
            "file": shown(each.file, base),
            "line": each.line,
            "key": each.key,
            "text": each.text,
            "fix": each.rule.fix,
            "accepted": _accepted(each),
        }
        for each in findings
    ]


def _accepted(finding: Finding) -> dict[str, str] | None:
    override = finding.override
    if override is None:
        return None
    return {"reason": override.reason, "owner": override.owner, "expires": override.expires.isoformat()}


def _grade(finding: Finding) -> str:
    return "accepted" if finding.override else str(finding.rule.severity)


def _said(finding: Finding) -> str:
    return f"{finding.subject.kind} {finding.subject.id}: {finding.text}"


def _what_to_do(finding: Finding) -> str:
    override = finding.override
    if override is None:
        return finding.rule.fix
    return f"accepted by {override.owner} until {override.expires}: {override.reason}"


def shown(file: Path, base: Path) -> str:
    """The file without links in its folder, and relative to `base` where it lies below that."""
    real = file.parent.resolve() / file.name
    return str(real.relative_to(base)) if real.is_relative_to(base) else str(real)
