"""The routes of the log, with the scope that each needs."""

from typing import Final

from broker.errors import Reason
from broker.http.audit import (
    CHECKPOINT,
    CONSISTENCY,
    INCLUSION,
    KEYS,
    RECORD,
    RECORDS,
    REPORT,
    AuditViews,
)
from broker.http.audit_answers import (
    CheckpointText,
    ConsistencyAnswer,
    InclusionAnswer,
    LogKeysAnswer,
    ProvedRecordAnswer,
    RecordsAnswer,
    ReportAnswer,
)
from broker.http.parameters import LIMITED, PAGE
from broker.http.routes import AnyOf, Operation, Parameter, Route
from broker.model.policy import Scope
from broker.model.search import FILTERS, Order

_FOR_AUDITORS: Final = AnyOf(frozenset({Scope.AUDIT_READ}))
_FOR_EVERY_APP: Final = AnyOf(frozenset(Scope))
"""Whoever was given a receipt must be able to see that the log it is from has not forked."""

_ABOUT: Final = {
    "event": "These events, by name or code, with commas between.",
    "issuance": "Records of this issuance, or of the answer with this id.",
    "actor": "Changes, and readings by commands, by this operator.",
    "since": "From this time on: RFC 3339, or a date, whose midnight in UTC is meant.",
    "until": "Before this time.",
    "first": "From this position on.",
    "last": "Up to this position.",
}
_FILTERS: Final = tuple(
    Parameter(
        name,
        "query",
        _ABOUT.get(name, f"Records whose `{name}` is this."),
        {"type": "integer", "minimum": 0} if name in {"first", "last"} else {"type": "string"},
    )
    for name in FILTERS
)
_ORDER: Final = Parameter(
    "order",
    "query",
    "Which records come first.",
    {"type": "string", "enum": [*Order], "default": Order.NEWEST},
)


def audit_routes(views: AuditViews) -> tuple[Route, ...]:
    """Records and reports for auditors, then what every app may check."""
    return (*_records(views), *_heads(views), *_proofs(views))


def _records(views: AuditViews) -> tuple[Route, ...]:
    return (
        Route(
            "GET",
            RECORDS,
            "audit_records",
            _FOR_AUDITORS,
            views.records,
            Operation(
                "Records of the log that all filters let through; that they were read is recorded first",
                {200: RecordsAnswer},
                (Reason.INVALID_REQUEST,),
                (*_FILTERS, _ORDER, *PAGE),
                answer_headers=LIMITED,
            ),
        ),
        Route(
            "GET",
            RECORD,
            "audit_record",
            _FOR_AUDITORS,
            views.record,
            Operation(
                "One record, with its exact bytes and the proof that the log holds them",
                {200: ProvedRecordAnswer},
                (Reason.NOT_FOUND, Reason.INVALID_REQUEST),
                answer_headers=LIMITED,
            ),
        ),
        Route(
            "GET",
            REPORT,
            "audit_report",
            _FOR_AUDITORS,
            views.report,
            Operation(
                "One of the questions that auditors ask; docs/audit.md has what each needs and takes",
                {200: ReportAnswer},
                (Reason.NOT_FOUND, Reason.INVALID_REQUEST),
                (*_FILTERS, *PAGE),
                answer_headers=LIMITED,
            ),
        ),
    )


def _heads(views: AuditViews) -> tuple[Route, ...]:
    return (
        Route(
            "GET",
            CHECKPOINT,
            "audit_checkpoint",
            _FOR_EVERY_APP,
            views.checkpoint,
            Operation(
                "The newest signed head of the log",
                {200: CheckpointText},
                (Reason.INVALID_REQUEST,),
                answer_media_type="text/plain",
                answer_headers=LIMITED,
            ),
        ),
        Route(
            "GET",
            KEYS,
            "audit_keys",
            _FOR_EVERY_APP,
            views.keys,
            Operation(
                "The public keys of the log, and which heads each signs",
                {200: LogKeysAnswer},
                (Reason.INVALID_REQUEST,),
                answer_headers=LIMITED,
            ),
        ),
    )


def _proofs(views: AuditViews) -> tuple[Route, ...]:
    return (
        Route(
            "GET",
            INCLUSION,
            "audit_inclusion",
            _FOR_AUDITORS,
            views.inclusion,
            Operation(
                "What proves that a tree of the log's past holds a record",
                {200: InclusionAnswer},
                (Reason.INVALID_REQUEST,),
                (_number("index", "The record."), _number("size", "How many records the tree has.")),
                answer_headers=LIMITED,
            ),
        ),
        Route(
            "GET",
            CONSISTENCY,
            "audit_consistency",
            _FOR_EVERY_APP,
            views.consistency,
            Operation(
                "What proves that a tree of the log's past begins with a smaller one",
                {200: ConsistencyAnswer},
                (Reason.INVALID_REQUEST,),
                (_number("old", "Records of the smaller."), _number("new", "Records of the larger.")),
                answer_headers=LIMITED,
            ),
        ),
    )


def _number(name: str, meaning: str) -> Parameter:
    return Parameter(name, "query", meaning, {"type": "integer", "minimum": 0}, required=True)
