"""The route table: what there is to call, and what each call needs. Nothing is reachable without an entry."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from flask import Flask, Response
from pydantic import BaseModel

from broker.errors import BrokerError, Reason
from broker.model.policy import Scope


class UndeclaredRoute(BrokerError):
    """A route says neither which scope it needs nor that it is open: the app does not start."""


@dataclass(frozen=True, slots=True)
class Open:
    """Callable by anybody, on purpose; `why` says what it gives away."""

    why: str


@dataclass(frozen=True, slots=True)
class AnyOf:
    """Callable with an access token that has one of the scopes."""

    scopes: frozenset[Scope]


Access: TypeAlias = Open | AnyOf


@dataclass(frozen=True, slots=True)
class Parameter:
    """A query parameter or header of an operation, for the OpenAPI document."""

    name: str
    place: str
    description: str
    schema: Mapping[str, object]
    required: bool = False


@dataclass(frozen=True, slots=True)
class Operation:
    """What the OpenAPI document says of a route."""

    summary: str
    answers: Mapping[int, type[BaseModel]]
    refusals: tuple[Reason, ...] = ()
    parameters: tuple[Parameter, ...] = ()
    body: type[BaseModel] | None = None
    body_media_type: str = "application/json"
    answer_media_type: str = "application/json"
    answer_headers: tuple[str, ...] = ()
    refused_with: type[BaseModel] | None = None
    """Where a refusal is no problem document: the token endpoint speaks RFC 6749."""


@dataclass(frozen=True, slots=True)
class Route:
    """One path and method. `access` has no default, so that nobody forgets it."""

    method: str
    path: str
    name: str
    access: Access
    view: Callable[..., Response]
    operation: Operation


AccessTable: TypeAlias = Mapping[str, Access]


def register(app: Flask, routes: Iterable[Route]) -> AccessTable:
    """Add the routes and give what each endpoint needs. OPTIONS is a method like any other."""
    table: dict[str, Access] = {}
    for route in routes:
        app.add_url_rule(
            route.path,
            endpoint=route.name,
            view_func=route.view,
            methods=[route.method],
            provide_automatic_options=False,
        )
        table[route.name] = route.access
    return table


def require_declared(app: Flask, table: AccessTable) -> None:
    """Raise UndeclaredRoute for any endpoint that came in beside the table, or that no scope opens."""
    for rule in app.url_map.iter_rules():
        access = table.get(rule.endpoint)
        if access is None:
            raise UndeclaredRoute(f"route {rule.rule} declares no scope and is not open on purpose")
        if isinstance(access, AnyOf) and not access.scopes:
            raise UndeclaredRoute(f"route {rule.rule} declares an empty set of scopes")
