"""All rules over one policy: each finding with its place in the files."""

from dataclasses import dataclass
from pathlib import Path

from broker.lint import grants, privileges, upkeep
from broker.lint.findings import Found, Material, Rule, Severity, Subject, SubjectKind
from broker.model.policy import Override
from broker.policy.nodes import Document, KeyPath, key_text
from broker.policy.problems import WHOLE_FILE
from broker.policy.written import WrittenPolicy

RULES: tuple[Rule, ...] = tuple(
    sorted((*privileges.RULES, *grants.RULES, *upkeep.RULES, upkeep.IDLE), key=lambda rule: rule.id)
)
"""Every rule, by its id."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One finding, as it is told. `override` is who answers for it instead, and until when."""

    rule: Rule
    subject: Subject
    privilege: str | None
    text: str
    file: Path
    line: int
    key: str
    override: Override | None

    @property
    def refuses(self) -> bool:
        """Whether the policy is not to be applied as it stands."""
        return self.rule.severity is Severity.ERROR and self.override is None


def lint(material: Material, written: WrittenPolicy) -> tuple[Finding, ...]:
    """Every finding, by file, line and rule. `written` is what the material's policy was compiled from."""
    found = [(rule, each) for rule in RULES for each in rule.check(material)]
    judged = upkeep.judged(material, found)
    idle = [upkeep.Judged(upkeep.IDLE, each, None) for each in upkeep.idle_overrides(material, judged)]
    findings = [_placed(each, written) for each in (*judged, *idle)]
    return tuple(sorted(findings, key=lambda each: (str(each.file), each.line, each.rule.id, each.text)))


def _placed(judged: upkeep.Judged, written: WrittenPolicy) -> Finding:
    found = judged.found
    file, line, key = _place(found, written)
    return Finding(judged.rule, found.subject, found.privilege, found.text, file, line, key, judged.override)


def _place(found: Found, written: WrittenPolicy) -> tuple[Path, int, str]:
    document, path = _entry(found.subject, written)
    where = (*path, *found.key)
    return document.file, document.line_of(where), key_text(where) or WHOLE_FILE


def _entry(subject: Subject, written: WrittenPolicy) -> tuple[Document, KeyPath]:
    match subject.kind:
        case SubjectKind.TEMPLATE:
            template = written.templates.entries[subject.id]
            return template.document, template.path
        case SubjectKind.GRANT:
            grant = written.grants.entries[subject.id]
            return grant.document, grant.path
        case SubjectKind.ACCOUNT:
            account = written.accounts.entries[subject.id]
            return account.document, account.path
