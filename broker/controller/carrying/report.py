"""What an apply did, and what it would not do."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from broker.controller.planning.plan import Problem
from broker.model.record import Event, JsonValue, Record
from broker.ports.operation import SystemLog


@dataclass(frozen=True, slots=True)
class Change:
    """One thing that was done, on record. `fields` are those of the record."""

    event: Event
    fields: Mapping[str, JsonValue]


@dataclass(frozen=True, slots=True)
class ApplyReport:
    """All of one apply. A second run right after a good one has neither changes nor problems."""

    plan: str
    changes: tuple[Change, ...]
    unchanged: tuple[str, ...]
    """Grants that stood already, as they are written."""
    problems: tuple[Problem, ...]


class Journal:
    """Puts each step on record, with the operator and the plan, then keeps it for the report."""

    def __init__(self, log: SystemLog, by: str, plan: str) -> None:
        self._log = log
        self._who: Mapping[str, JsonValue] = {"by": by, "plan": plan}
        self._plan = plan
        self._changes: list[Change] = []
        self._unchanged: list[str] = []
        self._problems: list[Problem] = []

    @property
    def count(self) -> int:
        """How many changes were made so far."""
        return len(self._changes)

    def begins(self, steps: int, revision: str) -> None:
        """Steps are about to be made. Raises LogUnavailable: then nothing is."""
        self._append(Event.APPLY_BEGAN, {"revision": revision, "steps": steps})

    def begins_change(self, event: Event, fields: Mapping[str, JsonValue]) -> None:
        """We are about to ask for what `event` then says is done. Raises LogUnavailable: then do not ask."""
        self._append(Event.CHANGE_BEGAN, {"change": event.name.lower(), **fields})

    def changed(self, event: Event, fields: Mapping[str, JsonValue]) -> None:
        """Something was done. Raises LogUnavailable."""
        self._changes.append(Change(event, self._append(event, fields)))

    def changed_by(
        self, event: Event, fields: Mapping[str, JsonValue], write: Callable[[Record], None]
    ) -> None:
        """Something is done by `write` together with its record. Raises LogUnavailable."""
        said = {**fields, **self._who}
        write(Record(event, said))
        self._changes.append(Change(event, said))

    def unchanged(self, subject: str) -> None:
        """Nothing was to be done."""
        self._unchanged.append(subject)

    def problem(self, problem: Problem) -> None:
        """Something was not done. Raises LogUnavailable."""
        fields: dict[str, JsonValue] = {
            "kind": str(problem.kind),
            "subject": problem.subject,
            "vcenter": problem.vcenter,
            "problem": problem.text,
        }
        self._append(Event.APPLY_FAILED, fields)
        self._problems.append(problem)

    def ends(self) -> ApplyReport:
        """Everything so far. Raises LogUnavailable."""
        if self._changes:
            counts = {"changes": len(self._changes), "problems": len(self._problems)}
            self._append(Event.APPLY_ENDED, counts)
        return ApplyReport(self._plan, tuple(self._changes), tuple(self._unchanged), tuple(self._problems))

    def _append(self, event: Event, fields: Mapping[str, JsonValue]) -> Mapping[str, JsonValue]:
        said = {**fields, **self._who}
        self._log.append([Record(event, said)])
        return said
