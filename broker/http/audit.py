"""/v1/audit: the log for auditors, and for every app what shows that the log has not forked."""

from base64 import b64encode
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from typing import TypeVar

from flask import Response, request

from broker.errors import InvalidName, Reason, Refused
from broker.http.audit_answers import (
    ConsistencyAnswer,
    InclusionAnswer,
    LogKeyAnswer,
    LogKeysAnswer,
    ProvedRecordAnswer,
    RecordAnswer,
    RecordsAnswer,
    ReportAnswer,
)
from broker.http.audit_query import asked_numbers, asked_records, asked_report
from broker.http.context import asked
from broker.http.problems import InvalidRequest
from broker.http.query import only
from broker.http.recording import refusals_on_record
from broker.http.replies import reply
from broker.model.reports import ReportName
from broker.model.search import parse_index
from broker.ports.access import AccessLog
from broker.ports.auditing import AuditDesk, LogProofs, ProvedRecord, ReadingApp
from broker.ports.issuing import Limits

RECORDS = "/v1/audit/records"
RECORD = "/v1/audit/records/<index>"
REPORT = "/v1/audit/reports/<name>"
CHECKPOINT = "/v1/audit/checkpoint"
KEYS = "/v1/audit/keys"
INCLUSION = "/v1/audit/proofs/inclusion"
CONSISTENCY = "/v1/audit/proofs/consistency"

T = TypeVar("T")


class AuditViews:
    """What is read is on record before it is answered; proofs, keys and signed heads show hashes only."""

    def __init__(self, desk: AuditDesk, proofs: LogProofs, log: AccessLog, limits: Limits) -> None:
        self._desk = desk
        self._proofs = proofs
        self._log = log
        self._limits = limits

    def records(self) -> Response:
        """A page of records."""
        with self._asked(RECORDS) as reader:
            page = self._desk.records(asked_records(request), reader)
        items = tuple(RecordAnswer.model_validate(record) for record in page.records)
        return reply(RecordsAnswer(items=items, next_cursor=str(items[-1].index) if page.more else None))

    def record(self, index: str) -> Response:
        """One record, proved."""
        with self._asked(RECORD) as reader:
            only(request, ())
            proved = self._desk.record(_known(lambda: parse_index(index, "index")), reader)
            if proved is None:
                raise Refused(Reason.NOT_FOUND)
        return reply(_proved(proved))

    def report(self, name: str) -> Response:
        """A page of a report."""
        with self._asked(REPORT) as reader:
            report_name = _known(lambda: ReportName(name))
            report = self._desk.report(asked_report(request, report_name), reader)
        return reply(
            ReportAnswer(
                report=report_name,
                items=tuple(dict(row) for row in report.rows),
                notes=dict(report.notes),
                next_cursor=None if report.before is None else str(report.before),
            )
        )

    def checkpoint(self) -> Response:
        """The newest signed head, as it is."""
        with self._asked(CHECKPOINT):
            only(request, ())
            return Response(self._proofs.checkpoint(), content_type="text/plain; charset=utf-8")

    def keys(self) -> Response:
        """All keys of the log."""
        with self._asked(KEYS):
            only(request, ())
            keys = self._proofs.keys()
        return reply(LogKeysAnswer(keys=tuple(LogKeyAnswer(**asdict(key)) for key in keys)))

    def inclusion(self) -> Response:
        """The proof that a tree holds a record."""
        with self._asked(INCLUSION):
            index, size = asked_numbers(request, "index", "size")
            path = _path(self._proofs.inclusion, ("index", index), ("size", size))
        return reply(InclusionAnswer(index=index, size=size, path=_texts(path)))

    def consistency(self) -> Response:
        """The proof that a tree begins with a smaller one."""
        with self._asked(CONSISTENCY):
            old, new = asked_numbers(request, "old", "new")
            path = _path(self._proofs.consistency, ("old", old), ("new", new))
        return reply(ConsistencyAnswer(old=old, new=new, path=_texts(path)))

    @contextmanager
    def _asked(self, path: str) -> Iterator[ReadingApp]:
        """The app that reads, charged for it; what is refused meanwhile is on record."""
        about = asked()
        with refusals_on_record(self._log, about, path):
            self._limits.charge_caller(about.known.app)
            yield ReadingApp(about.known.app, about.origin)


def _known(parse: Callable[[], T]) -> T:
    """Raises Refused(NOT_FOUND) where the path names nothing of ours."""
    try:
        return parse()
    except (InvalidName, ValueError):
        raise Refused(Reason.NOT_FOUND) from None


def _path(
    prove: Callable[[int, int], tuple[bytes, ...]], small: tuple[str, int], large: tuple[str, int]
) -> tuple[bytes, ...]:
    try:
        return prove(small[1], large[1])
    except IndexError:
        faults = (f"?{small[0]}", "is within the tree"), (f"?{large[0]}", "is at most the size of the log")
        raise InvalidRequest(faults) from None


def _proved(proved: ProvedRecord) -> ProvedRecordAnswer:
    receipt = proved.receipt
    return ProvedRecordAnswer(
        record=RecordAnswer.model_validate(proved.content),
        leaf=proved.leaf.decode(),
        leaf_hash=receipt.leaf_hash.hex(),
        checkpoint=receipt.checkpoint,
        proof=_texts(receipt.path),
    )


def _texts(path: Sequence[bytes]) -> tuple[str, ...]:
    return tuple(b64encode(step).decode() for step in path)
