"""Where records are read: nothing is handed over before it is on record that it was."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import chain
from typing import Any

from broker.audit.proofs import StoredProofs
from broker.audit.reading_notes import ReadingNotes, Shown
from broker.audit.reports import MAKERS
from broker.audit.reports.rooms import ReportRooms
from broker.audit.search import content_of, said
from broker.model.names import IssuanceId
from broker.model.reports import Report, ReportQuery
from broker.model.search import RecordFilter, RecordQuery
from broker.ports.auditing import ProvedRecord, Reader, RecordPage
from broker.store.database import Database
from broker.store.log import Leaf, StoredLog


class RecordingDesk:
    """The AuditDesk port on the store, and what only commands ask. Every method raises LogUnavailable.

    A query's own record is none of its results: it is made after them. It may not use the disk reserve that
    is kept for intents and outcomes.
    """

    def __init__(self, database: Database) -> None:
        self._log = StoredLog(database)
        self._notes = ReadingNotes(self._log)
        self._rooms = ReportRooms.of(database)
        self._proofs = StoredProofs(database)

    def records(self, query: RecordQuery, reader: Reader) -> RecordPage:
        """A page of records."""
        found = self._rooms.search.page(query)
        self._note("records", said(query.wanted), [leaf.seq for leaf in found.leaves], reader)
        return RecordPage(tuple(map(content_of, found.leaves)), found.more)

    def record(self, index: int, reader: Reader) -> ProvedRecord | None:
        """The record at a position, proved; None where the log has none there."""
        proved = self._proved(self._log.at(index))
        self._note("record", {"first": str(index), "last": str(index)}, _indices(proved), reader)
        return proved[0] if proved else None

    def story(self, of: int | str, reader: Reader) -> tuple[ProvedRecord, ...]:
        """All records of an issuance, proved: by its id, or by the index or id of one of its records.

        A record of no issuance is alone; empty where the log has none.
        """
        leaves = self._log.of_issuance(IssuanceId(of)) if isinstance(of, str) else self._log.at(of)
        if not leaves and isinstance(of, str):
            leaves = self._log.with_id(of)
        if len(leaves) == 1 and (issuance := content_of(leaves[0])["fields"].get("issuance")):
            leaves = self._log.of_issuance(IssuanceId(issuance))
        proved = self._proved(leaves)
        query = {"id": of} if isinstance(of, str) else {"first": str(of), "last": str(of)}
        self._note("record", query, _indices(proved), reader)
        return proved

    def report(self, query: ReportQuery, reader: Reader) -> Report:
        """A page of a report."""
        report = MAKERS[query.name](self._rooms, query)
        self._note_report(query, report, reader)
        return report

    def whole_report(self, query: ReportQuery, reader: Reader) -> Report:
        """All pages of a report as one, which is one query."""
        pages = [MAKERS[query.name](self._rooms, query)]
        while pages[-1].before is not None:
            pages.append(MAKERS[query.name](self._rooms, replace(query, before=pages[-1].before)))
        report = Report(tuple(chain.from_iterable(page.rows for page in pages)), pages[0].notes)
        self._note_report(query, report, reader)
        return report

    def find_ticket(
        self, fingerprints: Sequence[str], wanted: RecordFilter, reader: Reader
    ) -> tuple[Mapping[str, Any], ...]:
        """The records, among those that the filter lets through, that carry one of these fingerprints.

        Every record's bytes are looked through: no index is kept for what is asked for so rarely.
        """
        marks = [f'"fingerprint":"{each}"'.encode() for each in fingerprints]
        leaves = (leaf for leaf in self._rooms.search.all(wanted) if any(m in leaf.content for m in marks))
        found = [content_of(leaf) for leaf in leaves]
        named = [record for record in found if record["fields"].get("fingerprint") in fingerprints]
        self._note("find-ticket", said(wanted), [record["index"] for record in named], reader)
        return tuple(named)

    def _proved(self, leaves: Sequence[Leaf]) -> tuple[ProvedRecord, ...]:
        return tuple(
            ProvedRecord(content_of(leaf), leaf.content, self._proofs.receipt_of(leaf.seq, leaf.content))
            for leaf in leaves
        )

    def _note_report(self, query: ReportQuery, report: Report, reader: Reader) -> None:
        indices = [index for row in report.rows if isinstance(index := row.get("index"), int)]
        shown = Shown.of(indices, len(report.rows))
        self._notes.queried(f"report {query.name}", said(query.wanted), shown, reader)

    def _note(self, what: str, query: Mapping[str, str], indices: Sequence[int], reader: Reader) -> None:
        self._notes.queried(what, query, Shown.of(indices, len(indices)), reader)


def _indices(proved: Sequence[ProvedRecord]) -> list[int]:
    return [each.receipt.index for each in proved]
