"""Findings in the Static Analysis Results Interchange Format, SARIF 2.1.0 (OASIS), for code scanning."""

import hashlib
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import quote

from broker import __version__
from broker.lint.findings import Rule
from broker.lint.run import RULES, Finding
from broker.lint.told import shown

SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"


def sarif(findings: Sequence[Finding], base: Path) -> dict[str, object]:
    """One run with every rule and these findings; files below `base` are named relative to it."""
    driver = {
        "name": "broker roles lint",
        "version": __version__,
        "rules": [_rule(rule) for rule in RULES],
    }
    results = [_result(each, base) for each in findings]
    run = {"tool": {"driver": driver}, "columnKind": "unicodeCodePoints", "results": results}
    return {"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}


def _rule(rule: Rule) -> dict[str, object]:
    return {
        "id": rule.id,
        "name": rule.name,
        "shortDescription": {"text": rule.text.partition(": ")[0].removesuffix(".") + "."},
        "fullDescription": {"text": rule.text},
        "help": {"text": rule.fix},
        "defaultConfiguration": {"level": str(rule.severity)},
    }


def _result(finding: Finding, base: Path) -> dict[str, object]:
    result: dict[str, object] = {
        "ruleId": finding.rule.id,
        "ruleIndex": RULES.index(finding.rule),
        "level": str(finding.rule.severity),
        "message": {"text": f"{finding.subject.kind} {finding.subject.id}: {finding.text}"},
        "locations": [_location(finding, base)],
        "partialFingerprints": {"finding/v1": _fingerprint(finding)},
    }
    if finding.override:
        said = f"{finding.override.owner}, until {finding.override.expires}: {finding.override.reason}"
        result["suppressions"] = [{"kind": "inSource", "justification": said}]
    return result


def _location(finding: Finding, base: Path) -> dict[str, object]:
    named_file = shown(finding.file, base)
    uri = Path(named_file).as_uri() if named_file.startswith("/") else quote(named_file)
    place = {"artifactLocation": {"uri": uri}, "region": {"startLine": finding.line}}
    named = {"fullyQualifiedName": f"{finding.subject.kind}/{finding.subject.id}", "kind": "resource"}
    return {"physicalLocation": place, "logicalLocations": [named]}


def _fingerprint(finding: Finding) -> str:
    """The same for the same finding wherever it moves in its file."""
    meant = (finding.rule.id, finding.subject.kind, finding.subject.id, finding.privilege or "", finding.text)
    return hashlib.sha256("\n".join(meant).encode()).hexdigest()
