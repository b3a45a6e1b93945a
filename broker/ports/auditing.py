"""What auditors ask of the log, and apps that hold receipts."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from broker.model.issuance import Origin
from broker.model.names import AppId
from broker.model.receipt import Receipt
from broker.model.reports import Report, ReportQuery
from broker.model.search import RecordQuery


@dataclass(frozen=True, slots=True)
class Operator:
    """Whoever types a command, by the name that the operating system gives."""

    by: str


@dataclass(frozen=True, slots=True)
class ReadingApp:
    """An app that reads over HTTP."""

    app: AppId
    origin: Origin


Reader = Operator | ReadingApp


@dataclass(frozen=True, slots=True)
class RecordPage:
    """Records as JSON objects, each with its `index`, in the order asked for; and whether more follow."""

    records: tuple[Mapping[str, Any], ...]
    more: bool


@dataclass(frozen=True, slots=True)
class ProvedRecord:
    """A record, its exact bytes, and a receipt that was held against the log's keys."""

    content: Mapping[str, Any]
    leaf: bytes
    receipt: Receipt


@dataclass(frozen=True, slots=True)
class LogKey:
    """A public key of the log, and the tree sizes, both included, whose heads it signs; None has no end."""

    key_id: str
    origin: str
    key: str
    from_size: int
    until_size: int | None


class AuditDesk(Protocol):
    """Reading of records: each call is on record, durably, before it gives what it found.

    All raise LogUnavailable, also where that record cannot be made: then nothing is shown.
    """

    def records(self, query: RecordQuery, reader: Reader) -> RecordPage:
        """A page of records."""
        ...

    def record(self, index: int, reader: Reader) -> ProvedRecord | None:
        """The record at a position, proved; None where the log has none there."""
        ...

    def report(self, query: ReportQuery, reader: Reader) -> Report:
        """A page of a report."""
        ...


class LogProofs(Protocol):
    """What shows nothing but hashes, and is not put on record. All raise LogUnavailable."""

    def checkpoint(self) -> str:
        """The newest signed head."""
        ...

    def keys(self) -> tuple[LogKey, ...]:
        """All keys that the log ever had, the oldest first."""
        ...

    def inclusion(self, index: int, size: int) -> tuple[bytes, ...]:
        """The path from a record up to the root of the tree of that size. Raises IndexError without one."""
        ...

    def consistency(self, old: int, new: int) -> tuple[bytes, ...]:
        """What shows that the tree of `new` records begins with that of `old`. Raises IndexError likewise."""
        ...
