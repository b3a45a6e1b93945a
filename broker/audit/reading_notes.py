"""The records of who read records."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

from broker.audit.sayings import origin_fields
from broker.model.record import Event, JsonValue, Record
from broker.ports.auditing import Operator, Reader, ReadingApp
from broker.store.log import StoredLog
from broker.store.place import Reserve


@dataclass(frozen=True, slots=True)
class Shown:
    """How much somebody was shown, and the positions of the first and the last record; None for none."""

    count: int
    first_index: int | None
    last_index: int | None

    @classmethod
    def of(cls, indices: Sequence[int], count: int) -> "Shown":
        """So many rows, told of by the records at these positions."""
        return cls(count, min(indices, default=None), max(indices, default=None))


class ReadingNotes:
    """Puts on record that records are read. Raises LogUnavailable, and then nothing may be shown.

    What it writes may not use the disk reserve that is kept for intents and outcomes.
    """

    def __init__(self, log: StoredLog) -> None:
        self._log = log

    def queried(self, what: str, query: Mapping[str, str], shown: Shown, reader: Reader) -> None:
        """Somebody is about to be shown this."""
        self._append(Event.AUDIT_QUERIED, {"what": what, **self._facts(query, shown, reader)})

    def followed(self, query: Mapping[str, str], shown: Shown, reader: Reader) -> None:
        """Somebody who watched records arrive was shown these, and has stopped."""
        self._append(Event.AUDIT_FOLLOWED, self._facts(query, shown, reader))

    def _facts(self, query: Mapping[str, str], shown: Shown, reader: Reader) -> dict[str, JsonValue]:
        return {"query": dict(query), **asdict(shown), "tree_size": self._log.size(), **_who(reader)}

    def _append(self, event: Event, fields: Mapping[str, JsonValue]) -> None:
        self._log.append([Record(event, fields)], Reserve.UNTOUCHED)


def _who(reader: Reader) -> dict[str, JsonValue]:
    match reader:
        case Operator(by):
            return {"by": by}
        case ReadingApp(app, origin):
            return {"app": app, **origin_fields(origin)}
