"""Records as a table for spreadsheets, in which no cell is a formula."""

import csv
import io
import json
from collections.abc import Mapping
from typing import Any

from broker.audit.csv_cells import cell
from broker.audit.export.entry import Entry, damaged
from broker.audit.export.folder import NewFolder

_NAME = "records.csv"
_AROUND = ("ts", "code", "event")
_FIELDS = (
    "app",
    "vcenter",
    "host",
    "grant",
    "template",
    "reason",
    "issuance",
    "by",
    "address",
    "exposure_until",
)
_COLUMNS = ("index", *_AROUND, *_FIELDS, "id", "leaf_hash")


class Table:
    """`records.csv`: a line a record."""

    def __init__(self, folder: NewFolder) -> None:
        self._folder = folder
        self._file = folder.grow(_NAME)
        self._file.write(_row(_COLUMNS))

    def add(self, entry: Entry) -> None:
        """Write its line. Raises LogUnavailable for what is no record."""
        content, fields = _content(entry)
        around = (content.get(name, "") for name in _AROUND)
        inside = (fields.get(name, "") for name in _FIELDS)
        self._file.write(
            _row((entry.index, *around, *inside, content.get("id", ""), entry.hash.hex())),
        )

    def finish(self) -> None:
        """End the file."""
        self._folder.finish(_NAME)


def _content(entry: Entry) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    try:
        content = json.loads(entry.content)
    except ValueError:
        content = None
    match content:
        case {"fields": dict(fields)}:
            return content, fields
    raise damaged(entry.index, "is not one")


def _row(cells: tuple[object, ...]) -> bytes:
    """Every cell quoted: where semicolons part cells, none in a text may begin a new one."""
    line = io.StringIO()
    csv.writer(line, quoting=csv.QUOTE_ALL).writerow([cell(each) for each in cells])
    return line.getvalue().encode()
