"""Who had access to a host: each ticket, known or possible, whose life overlaps the time asked for."""

from typing import Final

from broker.audit.reports.rooms import ReportRooms, page_of, row_of
from broker.audit.search import content_of
from broker.model.issuance import OutcomeKind
from broker.model.record import Event
from broker.model.reports import Report, ReportName, ReportQuery
from broker.store.reports import Exposed, Named
from broker.store.times import iso

_STATES: Final = {
    Event.TICKET_ISSUED.value: OutcomeKind.ISSUED.value,
    Event.TICKET_REFUSED.value: OutcomeKind.REFUSED.value,
    Event.TICKET_FAILED.value: OutcomeKind.FAILED.value,
    Event.TICKET_UNKNOWN.value: OutcomeKind.UNKNOWN.value,
    Event.TICKET_LATE_RESULT.value: "late",
    Event.TICKET_INTENT.value: "open",
}


def access(rooms: ReportRooms, query: ReportQuery) -> Report:
    """A row for each record of such a ticket, with the names that the host had besides."""
    found = rooms.reports.exposed(query.wanted, query.before, query.limit + 1)
    host = query.wanted.host or ""
    names = [_note(named) for named in rooms.reports.names_of(host) if named.host != host]
    rows = [_row(each) for each in found[: query.limit]]
    return page_of(rows, more=len(found) > query.limit, notes={"other_names": names})


def _row(exposed: Exposed) -> dict[str, object]:
    record = content_of(exposed.leaf)
    fields = record["fields"]
    life = {"from": fields.get("exposure_from"), "until": fields.get("exposure_until")}
    if exposed.open_until is not None:
        life = {"from": record["ts"], "until": iso(exposed.open_until)}
    return row_of(
        ReportName.ACCESS, fields, life, {"index": record["index"], "state": _STATES[record["code"]]}
    )


def _note(named: Named) -> dict[str, object]:
    return {
        "host": named.host,
        "vcenter": named.vcenter,
        "instance_uuid": named.instance_uuid,
        "moid": named.moid,
        "first_index": named.seq,
    }
