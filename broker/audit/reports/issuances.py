"""All issuances of an app, with the revisions of its templates over time."""

import json

from broker.audit.reports.rooms import ReportRooms, page_of, row_of
from broker.model.reports import Report, ReportName, ReportQuery
from broker.store.reports import Issued, Revision
from broker.store.times import iso


def issuances(rooms: ReportRooms, query: ReportQuery) -> Report:
    """A row for each, those refused before any attempt included, with the template of its first attempt."""
    found = rooms.reports.issuances(query.wanted, query.before, query.limit + 1)
    revisions = [_note(revision) for revision in rooms.reports.revisions(query.wanted.app or "")]
    rows = [_row(each) for each in found[: query.limit]]
    return page_of(rows, more=len(found) > query.limit, notes={"template_revisions": revisions})


def _row(issued: Issued) -> dict[str, object]:
    row, fields = issued.row, json.loads(issued.leaf)["fields"]
    kept = {
        "index": row.seq,
        "at": iso(row.at),
        "issuance": row.issuance,
        "state": row.state,
        "reason": row.reason,
        "host": row.host,
        "vcenter": row.vcenter,
        "grant": row.grant_id,
        "attempts": row.attempts,
        "exposure_until": None if row.exposure_until is None else iso(row.exposure_until),
    }
    return row_of(ReportName.ISSUANCES, fields, kept)


def _note(revision: Revision) -> dict[str, object]:
    return {
        "template": revision.template,
        "revision": revision.revision,
        "first_index": revision.seq,
        "first": iso(revision.at),
    }
