"""Query parameters, read as strictly as bodies: known, once, in their grammar."""

import re
from collections.abc import Collection

from flask import Request

from broker.errors import InvalidName
from broker.http.problems import InvalidRequest
from broker.model.names import parse_id

DEFAULT_LIMIT = 100
MAX_LIMIT = 500
PAGE = ("limit", "cursor")
_CURSOR = re.compile(r"[A-Za-z0-9._~:/=-]{1,1024}")
_LIMIT = re.compile(r"[1-9][0-9]{0,2}")


def only(request: Request, known: Collection[str]) -> dict[str, str]:
    """The parameters, each of a known name and at most once. Raises InvalidRequest."""
    found: dict[str, str] = {}
    for name, values in request.args.lists():
        if name not in known:
            raise InvalidRequest((("", "a query parameter that this call does not have"),))
        if len(values) != 1:
            raise InvalidRequest(((f"?{name}", "stands more than once"),))
        found[name] = values[0]
    return found


def flag(parameters: dict[str, str], name: str) -> bool:
    """`true` or `false`, false where it is not given. Raises InvalidRequest."""
    told = parameters.get(name, "false")
    if told not in {"true", "false"}:
        raise InvalidRequest(((f"?{name}", "is true or false"),))
    return told == "true"


def asked_page(request: Request) -> tuple[int, str | None]:
    """How many items are asked for, 1 to 500, and the cursor that they follow; None on the first page.

    Raises InvalidRequest, for any other parameter too.
    """
    return page_of(only(request, PAGE))


def page_of(parameters: dict[str, str]) -> tuple[int, str | None]:
    """The same of parameters that were read. Raises InvalidRequest."""
    return _limit(parameters), _cursor(parameters)


def asked_page_by_id(request: Request) -> tuple[int, str | None]:
    """The same of a listing whose cursor is the id of the item that it follows."""
    size, told = asked_page(request)
    try:
        return size, None if told is None else parse_id(told, "cursor")
    except InvalidName:
        raise not_a_cursor() from None


def not_a_cursor() -> InvalidRequest:
    """For a cursor that can be none of ours."""
    return InvalidRequest((("?cursor", "is a next_cursor that this broker gave"),))


def _limit(parameters: dict[str, str]) -> int:
    told = parameters.get("limit", str(DEFAULT_LIMIT))
    if _LIMIT.fullmatch(told) is None or int(told) > MAX_LIMIT:
        raise InvalidRequest((("?limit", f"is a whole number from 1 to {MAX_LIMIT}"),))
    return int(told)


def _cursor(parameters: dict[str, str]) -> str | None:
    told = parameters.get("cursor")
    if told is not None and _CURSOR.fullmatch(told) is None:
        raise not_a_cursor()
    return told
