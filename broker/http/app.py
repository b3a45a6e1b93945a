"""The WSGI app: what happens to every request, in the order in which it happens.

origin, authentication, scope (before the view) - the view - RateLimit and security headers.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache

from flask import Flask, Response
from werkzeug.exceptions import NotFound

from broker.errors import Reason, Refused
from broker.http.answers import AnyDocument
from broker.http.audit import AuditViews
from broker.http.authenticate import Authenticator
from broker.http.batch_answers import batch_body
from broker.http.batches import Batches
from broker.http.context import asked, begin, maybe_asked, requested
from broker.http.drift import DriftViews
from broker.http.health import HealthViews, HealthWatch
from broker.http.hosts import Hosts
from broker.http.issuances import IssuanceViews
from broker.http.limits import RequestLimits
from broker.http.measuring import Measuring
from broker.http.oauth.assertion import AssertionAuthentication
from broker.http.oauth.budget import TokenBudget
from broker.http.oauth.client_secret import BasicAuthentication, HashedSecrets
from broker.http.oauth.clients import Clients
from broker.http.oauth.endpoints import OAuthViews, token_endpoint
from broker.http.oauth.server import TokenRooms, TokenServer
from broker.http.oauth.tokens import AccessTokens
from broker.http.openapi import document
from broker.http.origin import origin_reader
from broker.http.paths import canonical
from broker.http.problems import install_problems
from broker.http.recording import refusals_on_record
from broker.http.roles import RoleViews
from broker.http.routes import AccessTable, AnyOf, Open, Operation, Route, register, require_declared
from broker.http.table import Views, routes
from broker.http.tickets import Tickets
from broker.ids import new_issuance_id
from broker.model.settings import ServerSettings
from broker.ports.access import (
    AccessLog,
    AppCredentials,
    HostListing,
    Issuances,
    ReplayGuard,
)
from broker.ports.auditing import AuditDesk, LogProofs
from broker.ports.issuing import Rooms
from broker.ports.metering import UNMETERED, RequestMeter
from broker.ports.turns import Turns
from broker.server.access_log import ADDRESS, ROUTE

MAX_BODY_BYTES = 64 * 1024

_SECURITY_HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "Strict-Transport-Security": "max-age=31536000",
    "X-Content-Type-Options": "nosniff",
}


@dataclass(frozen=True, slots=True)
class AccessRooms:
    """What the HTTP room asks for, beside the way of a request."""

    credentials: AppCredentials
    replay: ReplayGuard
    log: AccessLog
    issuances: Issuances
    listing: HostListing
    health: HealthWatch
    leaving: Callable[[], bool]
    """Whether this process shuts down."""
    turned_away: Callable[[], bool]
    """Whether the request in hand found no room in its lane."""
    turns: Turns
    desk: AuditDesk
    proofs: LogProofs
    secrets: HashedSecrets = field(default_factory=HashedSecrets)
    meter: RequestMeter = UNMETERED


def create_app(
    settings: ServerSettings, rooms: Rooms, access: AccessRooms, limits: RequestLimits, tokens: AccessTokens
) -> Flask:
    """The app. `limits` is what `rooms.limits` leads to.

    Raises UndeclaredRoute when a route says neither which scope it needs nor that it is open.
    """
    app = Flask(__name__, static_folder=None, template_folder=None)
    app.config["MAX_CONTENT_LENGTH"] = MAX_BODY_BYTES
    app.config["MAX_FORM_MEMORY_SIZE"] = MAX_BODY_BYTES
    app.config["PROPAGATE_EXCEPTIONS"] = False
    app.url_map.merge_slashes = False

    authenticator = Authenticator(tokens, rooms.policy, rooms.entitlements, access.log, limits)
    declared = routes(_views(settings, rooms, access, limits, tokens))
    declared = (*declared, _openapi(declared, settings.issuer))
    table = register(app, declared)
    require_declared(app, table)

    install_problems(app, rooms.clock)
    measuring = Measuring(access.meter, rooms.clock)
    measuring.install(app)
    _begin_each(app, settings, rooms)
    _admit_each(app, authenticator, table, measuring, access)
    app.after_request(_finished)
    return app


def _begin_each(app: Flask, settings: ServerSettings, rooms: Rooms) -> None:
    read_origin = origin_reader(settings.listener)

    @app.before_request
    def start() -> None:
        given = requested()
        origin = read_origin(given)
        given.environ[ADDRESS] = origin.address
        begin(origin, new_issuance_id(rooms.clock))
        if not canonical(given.environ["RAW_URI"], given.environ["PATH_INFO"]):
            raise NotFound
        if given.url_rule is not None:
            given.environ[ROUTE] = given.url_rule.rule


def _admit_each(
    app: Flask, authenticator: Authenticator, table: AccessTable, measuring: Measuring, rooms: AccessRooms
) -> None:
    @app.before_request
    def admit() -> None:
        given = requested()
        rule = given.url_rule
        if rule is None:
            return  # no such path or method: Flask answers 404 or 405, and no view runs
        access = table[rule.endpoint]
        if isinstance(access, AnyOf):
            about = asked()
            with measuring.authenticating():
                about.caller = authenticator.admit(given, access, about, rule.rule)
            with refusals_on_record(rooms.log, about, rule.rule):
                _admit(rooms)
        else:
            _admit(rooms)


def _admit(rooms: AccessRooms) -> None:
    if rooms.turned_away():
        raise Refused(Reason.BROKER_BUSY)


def _finished(answer: Response) -> Response:
    answer.headers.update(_SECURITY_HEADERS)
    about = maybe_asked()
    if about and about.budgets:
        answer.headers["RateLimit-Policy"] = ", ".join(
            f'"{left.name}";q={left.count};w={left.window_s}' for left in about.budgets
        )
        answer.headers["RateLimit"] = ", ".join(
            f'"{left.name}";r={left.remaining};t={left.reset_s}' for left in about.budgets
        )
    return answer


def _views(
    settings: ServerSettings,
    rooms: Rooms,
    access: AccessRooms,
    limits: RequestLimits,
    tokens: AccessTokens,
) -> Views:
    endpoint = token_endpoint(settings.issuer)
    audiences = frozenset({settings.issuer, endpoint})
    budget = TokenBudget(limits, access.log)
    server = TokenServer(
        endpoint,
        TokenRooms(
            clients=Clients(rooms.policy, access.credentials),
            tokens=tokens,
            by_assertion=AssertionAuthentication(audiences, budget, access.replay, rooms.clock),
            by_secret=BasicAuthentication(access.secrets, budget),
            budget=budget,
            log=access.log,
            limits=limits,
        ),
    )
    body = batch_body(settings.batch_hosts)
    return Views(
        tickets=Tickets(rooms, access.log),
        batches=Batches(rooms, access.log, body, access.leaving, access.turns),
        batch_body=body,
        hosts=Hosts(rooms, access.log, access.listing),
        issuances=IssuanceViews(access.issuances, access.log, limits),
        roles=RoleViews(rooms, access.log),
        drift=DriftViews(rooms, access.log),
        audit=AuditViews(access.desk, access.proofs, access.log, limits),
        health=HealthViews(access.health),
        oauth=OAuthViews(settings.issuer, tokens.keys, server),
    )


def _openapi(declared: tuple[Route, ...], issuer: str) -> Route:
    operation = Operation("This document", {200: AnyDocument})
    access = Open("describes the interface, and nothing of this installation")

    @cache
    def content() -> str:
        return json.dumps(document((*declared, route), issuer))

    def view() -> Response:
        return Response(content(), content_type="application/json")

    route = Route("GET", "/openapi.json", "openapi", access, view, operation)
    return route
