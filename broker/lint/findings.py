"""What a rule is, and what it finds."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from broker.model.policy import Policy
from broker.policy.nodes import KeyPath
from broker.privileges.catalogue import Catalogue


class Severity(StrEnum):
    """How much a finding matters, the gravest first. An error is refused unless it is overridden."""

    ERROR = "error"
    WARNING = "warning"
    NOTE = "note"


class SubjectKind(StrEnum):
    """What a finding is about."""

    TEMPLATE = "template"
    GRANT = "grant"
    ACCOUNT = "account"


@dataclass(frozen=True, slots=True, order=True)
class Subject:
    """One template, grant or account, by its id."""

    kind: SubjectKind
    id: str


@dataclass(frozen=True, slots=True)
class Found:
    """What a rule says of one subject. `key` leads to the place in its entry.

    `privilege` is the one that it is about, None where it is about none: an override has to name it.
    """

    subject: Subject
    key: KeyPath
    text: str
    privilege: str | None = None


@dataclass(frozen=True, slots=True)
class Material:
    """What the rules look at: the policy, what is published of privileges, and the day (UTC)."""

    policy: Policy
    catalogue: Catalogue
    today: date


Check = Callable[[Material], Iterable[Found]]


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule: `id` never changes its meaning, `name` is for people, `fix` says what to do."""

    id: str
    name: str
    severity: Severity
    text: str
    fix: str
    check: Check
