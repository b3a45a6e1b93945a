"""Bodies of requests, read strictly: their type, their size, their JSON, their schema, their names."""

import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TypeVar

from flask import Request
from pydantic import BaseModel, ValidationError
from werkzeug.exceptions import ClientDisconnected

from broker.errors import InvalidName, Reason, Refused
from broker.http.problems import InvalidRequest
from broker.http.strict_json import NotStrictJson, parse
from broker.server.unheard import BrokenBody

MEDIA_TYPE = "application/json"
IDEMPOTENCY_KEY = "Idempotency-Key"

Body = TypeVar("Body", bound=BaseModel)


def body_of(given: Request, model: type[Body]) -> Body:
    """The body. Raises Refused(UNSUPPORTED_MEDIA_TYPE | TOO_LARGE | MALFORMED), InvalidRequest."""
    if given.mimetype != MEDIA_TYPE:
        raise Refused(Reason.UNSUPPORTED_MEDIA_TYPE)
    try:
        document = parse(_bytes(given))
    except NotStrictJson as error:
        raise Refused(Reason.MALFORMED, str(error)) from None
    try:
        return model.model_validate(document)
    except ValidationError as error:
        raise InvalidRequest(_faults(error)) from None


@contextmanager
def names_in_grammar(place: str | None = None) -> Iterator[None]:
    """Turn InvalidName into InvalidRequest, which points at `place`, or else at the field of that name."""
    try:
        yield
    except InvalidName as error:
        own = error.kind if error.kind == IDEMPOTENCY_KEY else f"/{error.kind}"
        raise InvalidRequest(((place or own, f"expected {error.grammar}"),)) from None


def digest_of(*meaning: str | None) -> str:
    """Of what a request means, its names in canonical form: two spellings of one host are one request."""
    text = json.dumps(meaning, ensure_ascii=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def _bytes(given: Request) -> bytes:
    """Raises Refused(MALFORMED | TOO_LARGE), the latter whether or not the length was announced.

    Werkzeug ends a body of unknown length at the limit and says nothing, so one that reaches it
    is too large.
    """
    limit = given.max_content_length or 0
    if (given.content_length or 0) >= limit:
        raise Refused(Reason.TOO_LARGE)
    try:
        body = given.get_data(cache=False)
    except (BrokenBody, ClientDisconnected):  # chunks that are none, or fewer bytes than announced
        raise Refused(Reason.MALFORMED, "the body does not end as it was announced") from None
    if len(body) >= limit:
        raise Refused(Reason.TOO_LARGE)
    return body


def _faults(error: ValidationError) -> tuple[tuple[str, str], ...]:
    """Where the body does not fit. A name that we do not have is not repeated."""
    return tuple(
        ("", "a field that this call does not have")
        if fault["type"] == "extra_forbidden"
        else ("".join(f"/{part}" for part in fault["loc"]), str(fault["msg"]))
        for fault in error.errors(include_url=False, include_context=False, include_input=False)
    )[:10]
