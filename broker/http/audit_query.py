"""What is asked of the log, out of query parameters."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from flask import Request

from broker.errors import InvalidName
from broker.http.problems import InvalidRequest
from broker.http.query import PAGE, not_a_cursor, only, page_of
from broker.model.reports import ReportName, ReportQuery, check_filters
from broker.model.search import FILTERS, Order, RecordQuery, parse_filter, parse_index


def asked_records(request: Request) -> RecordQuery:
    """A page of records. Raises InvalidRequest."""
    told = only(request, {*FILTERS, *PAGE, "order"})
    size, after = _page(told)
    with _names_in_the_query():
        return RecordQuery(parse_filter(_filters(told)), _order(told), after, size)


def asked_report(request: Request, name: ReportName) -> ReportQuery:
    """A page of a report. Raises InvalidRequest, also without what the report is about."""
    told = only(request, {*FILTERS, *PAGE})
    size, before = _page(told)
    with _names_in_the_query():
        check_filters(name, frozenset(_filters(told)))
        return ReportQuery(name, parse_filter(_filters(told)), before, size)


def asked_numbers(request: Request, first: str, second: str) -> tuple[int, int]:
    """Two places in the log, or sizes of it, both of which must be there. Raises InvalidRequest."""
    told = only(request, {first, second})
    with _names_in_the_query():
        return parse_index(told.get(first, ""), first), parse_index(told.get(second, ""), second)


@contextmanager
def _names_in_the_query() -> Iterator[None]:
    try:
        yield
    except InvalidName as invalid:
        raise InvalidRequest(((f"?{invalid.kind}", f"is {invalid.grammar}"),)) from None


def _filters(told: Mapping[str, str]) -> dict[str, str]:
    return {name: text for name, text in told.items() if name in FILTERS}


def _page(told: dict[str, str]) -> tuple[int, int | None]:
    """The cursor of the log's pages is the position of their last record."""
    size, cursor = page_of(told)
    try:
        return size, None if cursor is None else parse_index(cursor, "cursor")
    except InvalidName:
        raise not_a_cursor() from None


def _order(told: Mapping[str, str]) -> Order:
    try:
        return Order(told.get("order", Order.NEWEST))
    except ValueError:
        raise InvalidRequest((("?order", f"is {' or '.join(Order)}"),)) from None
