"""The log as the HTTP room is handed it: of a real store, or of one that holds nothing."""

from dataclasses import dataclass

from broker.audit.desk import RecordingDesk
from broker.audit.proofs import StoredProofs
from broker.model.reports import Report, ReportQuery
from broker.model.search import RecordQuery
from broker.ports.auditing import AuditDesk, LogKey, LogProofs, ProvedRecord, Reader, RecordPage
from broker.store.database import Database
from broker.tlog.checkpoint import TreeHead
from broker.tlog.merkle import EMPTY_ROOT
from tests.support.log_keys import LOG_KEYS, ORIGIN


@dataclass(frozen=True, slots=True)
class ShownLog:
    """What shows records, and what shows proofs."""

    desk: AuditDesk
    proofs: LogProofs


def shown_log(database: Database) -> ShownLog:
    """That of a store."""
    return ShownLog(RecordingDesk(database), StoredProofs(database))


class NoRecords:
    """Both ports on a log that holds nothing, for tests that are about something else."""

    def records(self, query: RecordQuery, reader: Reader) -> RecordPage:
        return RecordPage((), more=False)

    def record(self, index: int, reader: Reader) -> ProvedRecord | None:
        return None

    def report(self, query: ReportQuery, reader: Reader) -> Report:
        return Report(())

    def checkpoint(self) -> str:
        ids = [key.id for key in LOG_KEYS.verifiers()]
        return LOG_KEYS.sign(TreeHead(ORIGIN, 0, EMPTY_ROOT), ids)

    def keys(self) -> tuple[LogKey, ...]:
        return tuple(LogKey(key.id, key.name, str(key), 0, None) for key in LOG_KEYS.verifiers())

    def inclusion(self, index: int, size: int) -> tuple[bytes, ...]:
        raise IndexError(index, size)

    def consistency(self, old: int, new: int) -> tuple[bytes, ...]:
        raise IndexError(old, new)


EMPTY_LOG = ShownLog(NoRecords(), NoRecords())
