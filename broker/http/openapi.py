"""The OpenAPI 3.1 document, made from the route table and the models."""

import re
from collections.abc import Iterable, Mapping
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from broker import __version__
from broker.errors import REASONS, Reason
from broker.http.answers import Problem
from broker.http.routes import AnyOf, Operation, Parameter, Route
from broker.server.problem import MEDIA_TYPE

_REFERENCES = "#/components/schemas/{model}"
_PLACEHOLDER = re.compile(r"<(?:[a-z]+:)?([a-z_]+)>")

_EVERYWHERE = (Reason.BROKER_BUSY, Reason.INTERNAL_ERROR)
_AUTHENTICATED = (
    Reason.UNAUTHENTICATED,
    Reason.INSUFFICIENT_SCOPE,
    Reason.RATE_LIMITED,
    Reason.TOO_MANY_REFUSALS,
    Reason.LOG_UNAVAILABLE,
)
_HEADERS = {
    "RateLimit": 'What is left, as in draft-ietf-httpapi-ratelimit-headers: `"app";r=59;t=12`.',
    "RateLimit-Policy": 'The budgets: `"app";q=60;w=60`.',
    "Broker-Request-Id": "Give this to an admin: the log says under it what of a batch was not attempted.",
    "Idempotency-Replayed": "`reissued`: the key's issuance was answered before, this is its next attempt.",
}


def document(routes: Iterable[Route], issuer: str) -> dict[str, Any]:
    """The document for these routes."""
    routes = tuple(routes)
    schemas = _schemas(routes)
    paths: dict[str, dict[str, Any]] = {}
    for route in routes:
        paths.setdefault(_path(route.path), {})[route.method.lower()] = _operation(route)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "CIM ticket broker",
            "version": __version__,
            "description": "Two-minute CIM tickets for ESXi hosts, taken as low-privilege accounts.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": issuer}],
        "paths": paths,
        "components": {
            "schemas": schemas,
            "securitySchemes": {
                "access_token": {"type": "http", "scheme": "bearer", "bearerFormat": "at+jwt (RFC 9068)"}
            },
        },
    }


def _operation(route: Route) -> dict[str, Any]:
    operation = route.operation
    told: dict[str, Any] = {
        "operationId": route.name,
        "summary": operation.summary,
        "parameters": [_parameter(p) for p in (*_path_parameters(route.path), *operation.parameters)],
        "responses": _answers(operation) | _refusals(route),
        "security": [],
    }
    if isinstance(route.access, AnyOf):
        told["security"] = [{"access_token": []}]
        told["description"] = "Scope: " + " or ".join(sorted(route.access.scopes)) + "."
    if operation.body is not None:
        told["requestBody"] = {
            "required": True,
            "content": _content(operation.body_media_type, operation.body),
        }
    return told


def _answers(operation: Operation) -> dict[str, Any]:
    headers = {
        name: {"description": _HEADERS[name], "schema": {"type": "string"}}
        for name in operation.answer_headers
    }
    return {
        str(status): {
            "description": (model.__doc__ or "").strip(),
            "content": _content(operation.answer_media_type, model),
            **({"headers": headers} if headers else {}),
        }
        for status, model in operation.answers.items()
    }


def _refusals(route: Route) -> dict[str, Any]:
    """One entry per status, naming its codes; statuses of the route's own answers stay as they are."""
    operation = route.operation
    asked = _AUTHENTICATED if isinstance(route.access, AnyOf) else ()
    by_status: dict[int, list[Reason]] = {}
    for reason in dict.fromkeys((*operation.refusals, *asked, *_EVERYWHERE)):
        shown = REASONS[reason].shown_as
        if shown not in by_status.setdefault(REASONS[reason].status, []):
            by_status[REASONS[reason].status].append(shown)
    return {
        str(status): _refusal(status, reasons, operation)
        for status, reasons in sorted(by_status.items())
        if status not in operation.answers
    }


def _refusal(status: int, reasons: list[Reason], operation: Operation) -> dict[str, Any]:
    content, headers = _content(MEDIA_TYPE, Problem), {}
    if operation.refused_with is not None and status in {400, 401}:
        content, headers = _content("application/json", operation.refused_with), _REQUEST_ID
    if status in {429, 503, 504}:
        headers = _RETRY_AFTER
    return {
        "description": "; ".join(f"`{reason}`: {REASONS[reason].title}" for reason in reasons),
        "content": content,
        **({"headers": headers} if headers else {}),
    }


_REQUEST_ID = {
    "Broker-Request-Id": {
        "description": "Give this to an admin: the log says why under it.",
        "schema": {"type": "string"},
    }
}
_RETRY_AFTER = {
    "Retry-After": {
        "description": "Seconds. Not there where only the broker's admins can help.",
        "schema": {"type": "integer", "minimum": 1},
    }
}


def _content(media_type: str, model: type[BaseModel]) -> dict[str, Any]:
    return {media_type: {"schema": {"$ref": _REFERENCES.format(model=model.__name__)}}}


def _parameter(parameter: Parameter) -> dict[str, Any]:
    return {
        "name": parameter.name,
        "in": parameter.place,
        "description": parameter.description,
        "required": parameter.required or parameter.place == "path",
        "schema": dict(parameter.schema),
    }


def _path(path: str) -> str:
    return _PLACEHOLDER.sub(r"{\1}", path)


def _path_parameters(path: str) -> tuple[Parameter, ...]:
    return tuple(
        Parameter(name, "path", "The id that an answer gave.", {"type": "string"})
        for name in _PLACEHOLDER.findall(path)
    )


def _schemas(routes: tuple[Route, ...]) -> Mapping[str, Any]:
    spoken: dict[type[BaseModel], str] = {Problem: "serialization"}
    for route in routes:
        operation = route.operation
        spoken |= dict.fromkeys(operation.answers.values(), "serialization")
        if operation.body is not None:
            spoken[operation.body] = "validation"
        if operation.refused_with is not None:
            spoken[operation.refused_with] = "serialization"
    _, document = models_json_schema(list(spoken.items()), ref_template=_REFERENCES)  # type: ignore[arg-type]  # a str is a mode here
    definitions: Mapping[str, Any] = document["$defs"]
    return definitions
