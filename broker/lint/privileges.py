"""Rules about what a template's privileges are and lead to."""

from collections import defaultdict
from collections.abc import Iterator

from broker.lint.findings import Found, Material, Rule, Severity, Subject, SubjectKind
from broker.model.names import AppId, TemplateId
from broker.model.policy import Template, TemplateKind
from broker.policy.controller_needs import MANAGING
from broker.policy.nodes import KeyPath
from broker.privileges.catalogue import CIM_INTERACTION, SYSTEM_MANAGEMENT, Privilege, Risk


def _escalation(material: Material) -> Iterator[Found]:
    for template, name in _privileges(material):
        known = material.catalogue.get(name)
        if known is None or known.risk is not Risk.ESCALATION or _is_told_elsewhere(template, name):
            continue
        yield _found(template, name, f"leads to more privilege: it {known.risk_reason}")


def _is_told_elsewhere(template: Template, name: str) -> bool:
    """By the rule of CIM write, or for the controller alone, whose work these two are."""
    if template.kind is TemplateKind.CONTROLLER:
        return name in MANAGING
    return name == SYSTEM_MANAGEMENT and CIM_INTERACTION in template.privileges


def _cim_write(material: Material) -> Iterator[Found]:
    for template, name in _privileges(material):
        if name == SYSTEM_MANAGEMENT and CIM_INTERACTION in template.privileges:
            yield _found(template, name, f"beside {CIM_INTERACTION} is what writing by CIM takes")


def _unknown(material: Material) -> Iterator[Found]:
    for template, name in _privileges(material):
        if material.catalogue.spelled(name) is None:
            yield _found(template, name, "stands in no published list of privileges")


def _case_variant(material: Material) -> Iterator[Found]:
    for template, name in _privileges(material):
        spelled = material.catalogue.spelled(name)
        if spelled is not None and spelled != name:
            yield _found(template, name, f"is written {spelled} by vCenter, which knows no other spelling")


def _retired(material: Material) -> Iterator[Found]:
    for template, known in _known(material):
        if known.retired:
            yield _found(template, known.id, "stands in an older list of privileges and not in the newest")


def _unknown_risk(material: Material) -> Iterator[Found]:
    for template, known in _known(material):
        if known.risk is Risk.UNKNOWN and not known.retired:
            yield _found(template, known.id, "is of unknown risk: nothing published says what it leads to")


def _wider(material: Material) -> Iterator[Found]:
    """Of the templates that one app uses, those that hold all of another's privileges and more."""
    used: dict[AppId, set[TemplateId]] = defaultdict(set)
    for grant in material.policy.grants.values():
        used[grant.app].add(grant.template)
    pairs: dict[tuple[TemplateId, TemplateId], AppId] = {}
    for app, templates in sorted(used.items()):
        for wide, narrow in _nested(material, templates):
            pairs.setdefault((wide, narrow), app)
    for (wide, narrow), app in sorted(pairs.items()):
        subject = Subject(SubjectKind.TEMPLATE, wide)
        yield Found(subject, ("privileges",), f"holds all that {narrow} holds and more, and {app} uses both")


def _nested(material: Material, templates: set[TemplateId]) -> Iterator[tuple[TemplateId, TemplateId]]:
    held = [(template, material.policy.templates[template].privileges) for template in sorted(templates)]
    for wide, more in held:
        for narrow, less in held:
            if less < more:
                yield wide, narrow


def _privileges(material: Material) -> Iterator[tuple[Template, str]]:
    for template in material.policy.templates.values():
        for name in sorted(template.privileges):
            yield template, name


def _known(material: Material) -> Iterator[tuple[Template, Privilege]]:
    for template, name in _privileges(material):
        known = material.catalogue.get(name)
        if known is not None:
            yield template, known


def _found(template: Template, privilege: str, text: str) -> Found:
    subject = Subject(SubjectKind.TEMPLATE, template.id)
    return Found(subject, _key_of(template, privilege), f"{privilege} {text}", privilege)


def _key_of(template: Template, privilege: str) -> KeyPath:
    """Where it stands in the file: reasons are in the order in which they are written."""
    return ("privileges", list(template.reasons).index(privilege), "id")


RULES = (
    Rule(
        "BR001",
        "privilege-escalation",
        Severity.ERROR,
        "A privilege leads to more privilege: whoever holds it can give itself or others what the "
        "template does not have.",
        "Leave it out, or override this for that privilege with a reason, an owner and an end.",
        _escalation,
    ),
    Rule(
        "BR002",
        "cim-write",
        Severity.ERROR,
        f"{SYSTEM_MANAGEMENT} beside {CIM_INTERACTION}: the pair that VMware's guide asks for to write by "
        "CIM. Tickets are to read hardware; with this, providers change it.",
        f"Leave {SYSTEM_MANAGEMENT} out, or override this with a reason, an owner and an end.",
        _cim_write,
    ),
    Rule(
        "BR005",
        "unknown-privilege",
        Severity.ERROR,
        "A privilege stands in no published list. vCenter refuses a role with a privilege that it does not "
        "know; one that an extension adds can be known to yours.",
        "Correct the id, or override this where your vCenter's own privilegeList has it.",
        _unknown,
    ),
    Rule(
        "BR006",
        "retired-privilege",
        Severity.ERROR,
        "A privilege stands in an older published list and not in the newest: newer releases refuse the "
        "role.",
        "Leave it out, or override this while all your vCenters are of the older release.",
        _retired,
    ),
    Rule(
        "BR007",
        "case-variant",
        Severity.ERROR,
        "A privilege's id differs from vCenter's by case. vCenter compares ids as they are and refuses "
        "the role.",
        "Write it as vCenter does.",
        _case_variant,
    ),
    Rule(
        "BR008",
        "unknown-risk",
        Severity.NOTE,
        "Nothing that is published says what a privilege leads to, so nothing here can judge it.",
        "Look at what your vCenter lets its holder do, and say so in the template's reason.",
        _unknown_risk,
    ),
    Rule(
        "BR009",
        "wider-template",
        Severity.WARNING,
        "A template holds all of another's privileges and more, and one app uses both: the narrow one keeps "
        "nothing from it.",
        "Use one of the two for that app, or give its uses apps of their own.",
        _wider,
    ),
)
