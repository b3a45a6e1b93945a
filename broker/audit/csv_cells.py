"""CSV that a spreadsheet takes for text: what stands in a record was partly written by strangers."""

import csv
import io
import json
from collections.abc import Iterable, Iterator, Sequence

from broker.texts import printable

_FORMULA = frozenset("=+-@|%\uff1d\uff0b\uff0d\uff20")
"""What a cell begins with that spreadsheets compute, in full width as well."""


def csv_lines(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> Iterator[str]:
    """The header and each row as a line (RFC 4180), its end included."""
    yield _line(columns)
    for row in rows:
        yield _line(row)


def cell(value: object) -> str:
    """One cell's text: nothing for None, JSON for what has parts, `'` before what looks like a formula."""
    if value is None:
        return ""
    if isinstance(value, bool | int):
        return str(value).lower()
    text = printable(
        value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, sort_keys=True)
    )
    return f"'{text}" if text.lstrip()[:1] in _FORMULA else text


def _line(row: Sequence[object]) -> str:
    line = io.StringIO()
    csv.writer(line).writerow([cell(value) for value in row])
    return line.getvalue()
