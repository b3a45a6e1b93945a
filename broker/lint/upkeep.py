"""Rules about what was accepted for a while, and the findings that such overrides cover."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date

from broker.lint.findings import Found, Material, Rule, Severity, Subject, SubjectKind
from broker.model.policy import Override, Policy


@dataclass(frozen=True, slots=True)
class Judged:
    """A finding of a rule, and the override that covers it, if any does."""

    rule: Rule
    found: Found
    override: Override | None


def judged(material: Material, findings: Iterable[tuple[Rule, Found]]) -> list[Judged]:
    """Each finding with the override of its subject that names its rule and privilege and has not ended."""
    overrides = overrides_of(material.policy)
    return [
        Judged(rule, found, _covering(overrides.get(found.subject, ()), rule, found, material.today))
        for rule, found in findings
    ]


def _covering(overrides: Iterable[Override], rule: Rule, found: Found, today: date) -> Override | None:
    return next((each for each in overrides if _fits(each, rule, found) and each.expires >= today), None)


def _fits(override: Override, rule: Rule, found: Found) -> bool:
    return override.rule == rule.id and override.privilege == found.privilege


def overrides_of(policy: Policy) -> Mapping[Subject, tuple[Override, ...]]:
    """The overrides that stand in the policy, by what they stand in."""
    overrides = {Subject(SubjectKind.TEMPLATE, t.id): t.overrides for t in policy.templates.values()}
    return overrides | {Subject(SubjectKind.GRANT, g.id): g.overrides for g in policy.grants.values()}


def idle_overrides(material: Material, findings: Iterable[Judged]) -> Iterator[Found]:
    """The overrides that have not ended and cover no finding."""
    used = {(each.found.subject, each.override) for each in findings}
    for subject, overrides in overrides_of(material.policy).items():
        for index, override in enumerate(overrides):
            if override.expires >= material.today and (subject, override) not in used:
                about = f" for {override.privilege}" if override.privilege else ""
                text = f"overrides {override.rule}{about}, which finds nothing here"
                yield Found(subject, ("overrides", index), text)


def _ended(material: Material) -> Iterator[Found]:
    for subject, overrides in overrides_of(material.policy).items():
        for index, override in enumerate(overrides):
            if override.expires < material.today:
                text = f"the override of {override.rule} by {override.owner} ended on {override.expires}"
                yield Found(subject, ("overrides", index, "expires"), text)


def _overdue(material: Material) -> Iterator[Found]:
    for template in material.policy.templates.values():
        if template.review_by < material.today:
            text = f"was to be reviewed by {template.review_by}; {template.owner} answers for it"
            yield Found(Subject(SubjectKind.TEMPLATE, template.id), ("review_by",), text)


RULES = (
    Rule(
        "BR013",
        "review-overdue",
        Severity.WARNING,
        "The day by which a template was to be looked at again is over.",
        "Look at what it holds, who uses it and its overrides; then set the next day.",
        _overdue,
    ),
    Rule(
        "BR014",
        "override-ended",
        Severity.ERROR,
        "An override has ended: what it covered is found again.",
        "Remove it and what it was for, or decide anew and give it a new end.",
        _ended,
    ),
)

IDLE = Rule(
    "BR015",
    "idle-override",
    Severity.WARNING,
    "An override covers nothing: whoever reads it takes a risk for accepted that is not there, and one that "
    "comes later would be covered unseen.",
    "Remove it, or name the rule and the privilege of the finding that it is meant for.",
    lambda _: (),
)
"""Its findings depend on those of all other rules: `idle_overrides`."""
