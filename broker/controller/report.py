"""What an apply did, and what it would not do."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from broker.model.record import Event, JsonValue, Record
from broker.ports.operation import SystemLog


class ProblemKind(StrEnum):
    """Why something was not applied."""

    CONFLICT = "conflict"
    """A role or a permission that is not ours stands where ours would go, or two grants collide."""
    UNRESOLVED = "unresolved"
    """A scope does not name one object, or a template a privilege that this vCenter knows."""
    REFUSED = "refused"
    """vCenter refused, or did not show what it had accepted."""
    NO_LOGIN = "no_login"
    """The controller's file has no log-in for the vCenter."""
    UNREACHABLE = "unreachable"
    """vCenter could not be asked."""


@dataclass(frozen=True, slots=True)
class Change:
    """One thing that was done, on record. `fields` are those of the record."""

    event: Event
    fields: Mapping[str, JsonValue]


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that was not done, on record. `subject` is a grant, a template or a vCenter."""

    kind: ProblemKind
    subject: str
    vcenter: str
    text: str


@dataclass(frozen=True, slots=True)
class ApplyReport:
    """All of one apply. A second run right after a good one has neither changes nor problems."""

    changes: tuple[Change, ...]
    unchanged: tuple[str, ...]
    """Grants that stood already, as they are written."""
    problems: tuple[Problem, ...]


class Journal:
    """Puts each step on record, then keeps it for the report."""

    def __init__(self, log: SystemLog) -> None:
        self._log = log
        self._changes: list[Change] = []
        self._unchanged: list[str] = []
        self._problems: list[Problem] = []

    def changed(self, event: Event, fields: Mapping[str, JsonValue]) -> None:
        """Something was done. Raises LogUnavailable."""
        self._log.append([Record(event, fields)])
        self._changes.append(Change(event, fields))

    def unchanged(self, subject: str) -> None:
        """Nothing was to be done."""
        self._unchanged.append(subject)

    def problem(self, problem: Problem) -> None:
        """Something was not done. Raises LogUnavailable."""
        fields = {
            "kind": str(problem.kind),
            "subject": problem.subject,
            "vcenter": problem.vcenter,
            "problem": problem.text,
        }
        self._log.append([Record(Event.APPLY_FAILED, fields)])
        self._problems.append(problem)

    def report(self) -> ApplyReport:
        """Everything so far."""
        return ApplyReport(tuple(self._changes), tuple(self._unchanged), tuple(self._problems))
