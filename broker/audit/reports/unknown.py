"""Outcomes that are not known, and what was learned of them later."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

from broker.audit.reports.rooms import ReportRooms, found_of, page_of, row_of
from broker.audit.search import content_of
from broker.model.names import IssuanceId
from broker.model.record import Event
from broker.model.reports import Report, ReportName, ReportQuery

_Attempt: TypeAlias = tuple[str, int]


def unknown(rooms: ReportRooms, query: ReportQuery) -> Report:
    """A row for each; `late` is what came after it, with the index of that record, where something came."""
    found = found_of(rooms, query, frozenset({Event.TICKET_UNKNOWN}))
    records = [content_of(leaf) for leaf in found.leaves]
    late = _late(rooms, [IssuanceId(record["fields"]["issuance"]) for record in records])
    return page_of([_row(record, late) for record in records], more=found.more)


def _late(rooms: ReportRooms, issuances: Sequence[IssuanceId]) -> Mapping[_Attempt, list[str]]:
    told: dict[_Attempt, list[str]] = defaultdict(list)
    for leaf in rooms.reports.late(issuances) if issuances else ():
        fields = content_of(leaf)["fields"]
        why = f", {fields['reason']}" if "reason" in fields else ""
        told[_attempt(fields)].append(f"{fields['outcome']}{why} (index {leaf.seq})")
    return told


def _row(record: Mapping[str, Any], late: Mapping[_Attempt, list[str]]) -> dict[str, object]:
    fields = record["fields"]
    around = {
        "index": record["index"],
        "at": record["ts"],
        "from": fields.get("exposure_from"),
        "until": fields.get("exposure_until"),
        "late": "; ".join(late.get(_attempt(fields), [])) or None,
    }
    return row_of(ReportName.UNKNOWN, fields, around)


def _attempt(fields: Mapping[str, Any]) -> _Attempt:
    return fields["issuance"], fields["attempt"]
