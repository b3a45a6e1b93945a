"""Attempts: each has one intent, and one outcome after it unless its time is not over."""

from array import array
from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import datetime
from hashlib import blake2b
from typing import Any, NamedTuple

from broker.model.record import Event
from broker.store.times import ms
from broker.verify.findings import Findings, Kind

INTENT = Event.TICKET_INTENT.value
LATE = Event.TICKET_LATE_RESULT.value
OUTCOMES = frozenset(
    event.value
    for event in (Event.TICKET_ISSUED, Event.TICKET_REFUSED, Event.TICKET_FAILED, Event.TICKET_UNKNOWN)
)
OF_ATTEMPTS = OUTCOMES | {INTENT, LATE}
_BUCKETS = 256
_GRACE_MS = 3_660_000
"""The longest that an attempt is left open after its deadline: what `orphan_grace_s` may be, and a minute."""

Key = tuple[str, int]
"""An issuance's id and the number of the attempt."""


class Step(NamedTuple):
    """One record of an attempt; `deadline` is an intent's, as it tells it."""

    at: int
    code: str
    key: Key
    deadline: str


def step_of(index: int, code: str, fields: Mapping[str, Any]) -> Step:
    """The step that a record is. Raises KeyError or TypeError for fields that no broker writes."""
    issuance, attempt = fields["issuance"], fields["attempt"]
    if type(issuance) is not str or type(attempt) is not int:
        raise TypeError("not the name of an attempt")
    return Step(index, code, (issuance, attempt), fields["deadline"] if code == INTENT else "")


class Ended:
    """Which attempts ended, and where: 16 bytes each, so that a second end is seen however late it comes."""

    def __init__(self) -> None:
        self.marks = [array("Q") for _ in range(_BUCKETS)]
        self.indexes = [array("Q") for _ in range(_BUCKETS)]

    def add(self, key: Key, index: int) -> None:
        """It ended with the record at this index."""
        mark = _mark(key)
        self.marks[mark % _BUCKETS].append(mark)
        self.indexes[mark % _BUCKETS].append(index)

    def merge(self, later: "Ended") -> None:
        """Take the ends that come later in the log."""
        for mine, theirs in zip(self.marks, later.marks, strict=True):
            mine.extend(theirs)
        for mine, theirs in zip(self.indexes, later.indexes, strict=True):
            mine.extend(theirs)

    def before(self, key: Key, index: int) -> bool:
        """Whether it had ended before the record at this index."""
        mark = _mark(key)
        marks, indexes = self.marks[mark % _BUCKETS], self.indexes[mark % _BUCKETS]
        return any(m == mark and i < index for m, i in zip(marks, indexes, strict=True))

    def again(self) -> Iterable[int]:
        """The index of every end but the first of its attempt."""
        for marks, indexes in zip(self.marks, self.indexes, strict=True):
            if len(set(marks)) != len(marks):
                yield from _later(marks, indexes)


class Pairing:
    """The attempts of a stretch of the log, in its order."""

    def __init__(self) -> None:
        self.ended = Ended()
        self.open: dict[Key, Step] = {}
        self.astray: list[Step] = []
        """Outcomes whose intents are not in the stretch, and late results."""
        self.again: list[int] = []
        """Intents of attempts that were open."""

    def take(self, step: Step) -> None:
        """Take the next record."""
        if step.code == INTENT:
            if step.key in self.open:
                self.again.append(step.at)
            self.open[step.key] = step
        elif step.code == LATE:
            self.astray.append(step)
        else:
            self.ended.add(step.key, step.at)
            if self.open.pop(step.key, None) is None:
                self.astray.append(step)

    def merge(self, later: "Pairing") -> None:
        """Take what comes right after it."""
        astray, self.astray = self.astray, []
        for step in later.astray:
            if step.code == LATE or self.open.pop(step.key, None) is None:
                self.astray.append(step)
        self.astray = astray + self.astray
        self.again += later.again
        self.again += [step.at for key, step in later.open.items() if key in self.open]
        self.open.update(later.open)
        self.ended.merge(later.ended)

    def judge(self, findings: Findings, until: int) -> None:
        """Find what does not pair in a whole log that ends at `until`, in milliseconds since 1970."""
        for index in self.again:
            findings.add(Kind.PAIRING, "is a second intent of an attempt that has one", index)
        for index in self.ended.again():
            findings.add(Kind.PAIRING, "is a second outcome of an attempt that has one", index)
        for step in self.astray:
            self._judge_astray(findings, step)
        for step in self.open.values():
            if self.ended.before(step.key, step.at):
                findings.add(Kind.PAIRING, "is an intent of an attempt that has ended", step.at)
            elif deadline_of(step) + _GRACE_MS < until:
                findings.add(Kind.PAIRING, "is an intent whose attempt has no outcome", step.at)

    def _judge_astray(self, findings: Findings, step: Step) -> None:
        ended = self.ended.before(step.key, step.at)
        if step.code == LATE and not ended:
            findings.add(Kind.PAIRING, "is a late result of an attempt that has not ended", step.at)
        elif step.code != LATE and not ended:
            findings.add(Kind.PAIRING, "is an outcome of an attempt that has no intent", step.at)


def deadline_of(step: Step) -> int:
    """An intent's deadline in milliseconds since 1970; 0 where it tells none."""
    try:
        return ms(datetime.fromisoformat(step.deadline))
    except (TypeError, ValueError):
        return 0


def _mark(key: Key) -> int:
    return int.from_bytes(blake2b(f"{key[0]} {key[1]}".encode(), digest_size=8).digest())


def _later(marks: "array[int]", indexes: "array[int]") -> Iterable[int]:
    seen: Counter[int] = Counter()
    for mark, index in zip(marks, indexes, strict=True):
        seen[mark] += 1
        if seen[mark] > 1:
            yield index
