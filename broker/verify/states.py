"""The state of issuances beside the log, held against what the records say of them."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from broker.model.issuance import IssuanceState
from broker.model.record import Event
from broker.store.columns import columns_of
from broker.verify.attempts import INTENT, LATE, OF_ATTEMPTS
from broker.verify.sources import Issued, Tables

REFUSAL = Event.REQUEST_REFUSED.value
_ISSUANCE = Issued._fields.index("issuance")
OF_ISSUANCES = OF_ATTEMPTS | {REFUSAL}
_STATE_OF = {
    Event.TICKET_ISSUED.value: IssuanceState.ISSUED.value,
    Event.TICKET_REFUSED.value: IssuanceState.REFUSED.value,
    Event.TICKET_FAILED.value: IssuanceState.FAILED.value,
    Event.TICKET_UNKNOWN.value: IssuanceState.UNKNOWN.value,
}


@dataclass(slots=True)
class _Course:
    """An issuance as its records tell it so far."""

    seq: int
    issuance: str
    app: str
    host: str
    vcenter: str | None
    grant: str | None
    state: str = IssuanceState.PENDING.value
    reason: str | None = None
    attempts: int = 0
    exposure_until: int = 0

    def row(self) -> Issued:
        return Issued(
            self.seq,
            self.issuance,
            self.app,
            self.state,
            self.reason,
            self.host,
            self.vcenter,
            self.grant,
            self.attempts,
            self.exposure_until or None,
        )


class Courses:
    """The issuances of some records in a row, and where their attempts ended."""

    def __init__(self) -> None:
        self._courses: dict[str, _Course] = {}
        self._ends: set[tuple[str, int, int]] = set()
        self.astray: set[str] = set()
        """Issuances that began before these records."""

    def take(self, index: int, code: str, said: Mapping[str, Any], exposed: int | None) -> None:
        """Take the next record, one of OF_ISSUANCES; `exposed` is until when a ticket may be usable.

        Raises KeyError, TypeError or ValueError for fields that no broker writes.
        """
        issuance = said["issuance"]
        if code == REFUSAL:
            course = self._courses[issuance] = _begun(index, said)
            course.state, course.reason = IssuanceState.REFUSED.value, said["reason"]
        elif code == INTENT and said["attempt"] == 1:
            self._courses[issuance] = _begun(index, said)
            self._courses[issuance].attempts = 1
        elif (course_so_far := self._courses.get(issuance)) is None:
            self.astray.add(issuance)
        else:
            self._go_on(course_so_far, index, code, said, exposed or 0)

    def _go_on(self, course: _Course, index: int, code: str, said: Mapping[str, Any], exposed: int) -> None:
        if code == INTENT:
            course.attempts = said["attempt"]
            return
        course.exposure_until = max(course.exposure_until, exposed)
        if code == LATE:
            return
        self._ends.add((course.issuance, said["attempt"], index))
        if course.state != IssuanceState.ISSUED.value:  # a ticket that was issued is never unsaid
            course.state, course.reason = _STATE_OF[code], said.get("reason")

    def unlike(self, tables: Tables) -> set[str]:
        """The issuances that the tables tell otherwise, or one of the two does not tell at all."""
        told = {course.row() for course in self._courses.values()}
        unlike = {str(row[_ISSUANCE]) for row in told.symmetric_difference(tables.issuances)}
        return unlike | {end[0] for end in self._ends.symmetric_difference(tables.ends)}


def agree(records: Iterable[tuple[int, bytes]], tables: Tables) -> bool:
    """Whether all records of one issuance and the tables tell the same of it."""
    courses = Courses()
    for index, leaf in records:
        content = json.loads(leaf)
        if content["code"] in OF_ISSUANCES:
            exposed = columns_of(content).exposed_until
            courses.take(index, content["code"], content["fields"], exposed)
    return not courses.unlike(tables) and not courses.astray


def _begun(index: int, said: Mapping[str, Any]) -> _Course:
    return _Course(index, said["issuance"], said["app"], said["host"], said.get("vcenter"), said.get("grant"))
