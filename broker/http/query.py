"""Query parameters, read as strictly as bodies: known, once, in their grammar."""

import re
from collections.abc import Collection

from flask import Request

from broker.http.problems import InvalidRequest

DEFAULT_LIMIT = 100
MAX_LIMIT = 500
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


def limit(parameters: dict[str, str]) -> int:
    """How many items a page may have. Raises InvalidRequest outside of 1 to 500."""
    told = parameters.get("limit", str(DEFAULT_LIMIT))
    if _LIMIT.fullmatch(told) is None or int(told) > MAX_LIMIT:
        raise InvalidRequest((("?limit", f"is a whole number from 1 to {MAX_LIMIT}"),))
    return int(told)


def cursor(parameters: dict[str, str]) -> str | None:
    """Where the page starts; None for the first. Raises InvalidRequest for what can be none of ours."""
    told = parameters.get("cursor")
    if told is not None and _CURSOR.fullmatch(told) is None:
        raise InvalidRequest((("?cursor", "is a next_cursor that this broker gave"),))
    return told
