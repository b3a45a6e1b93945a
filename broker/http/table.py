"""Every route of the broker, with the scope that it needs."""

from dataclasses import dataclass

from broker.errors import Reason
from broker.http.answers import (
    Alive,
    AnyDocument,
    HostsAnswer,
    IssuanceAnswer,
    IssuancesAnswer,
    Ready,
    TicketBody,
    TicketOrDecision,
    TokenAnswer,
    TokenError,
    TokenForm,
)
from broker.http.audit import AuditViews
from broker.http.audit_table import audit_routes
from broker.http.batch_answers import BatchBody, BatchLine
from broker.http.batches import MEDIA_TYPE as LINES
from broker.http.batches import PATH as BATCH
from broker.http.batches import REQUEST_ID, Batches
from broker.http.drift import PATH as DRIFT
from broker.http.drift import DriftViews
from broker.http.drift_answers import DriftsAnswer
from broker.http.health import HealthViews
from broker.http.hosts import PATH as HOSTS
from broker.http.hosts import Hosts
from broker.http.issuances import ONE as ISSUANCE
from broker.http.issuances import PATH as ISSUANCES
from broker.http.issuances import IssuanceViews
from broker.http.oauth.endpoints import OAuthViews
from broker.http.parameters import LIMITED, PAGE
from broker.http.role_answers import GrantsAnswer, TemplatesAnswer
from broker.http.roles import GRANTS, TEMPLATES, RoleViews
from broker.http.routes import AnyOf, Open, Operation, Parameter, Route
from broker.http.tickets import PATH as TICKETS
from broker.http.tickets import Tickets
from broker.model.policy import Scope

_FOR_TICKETS = AnyOf(frozenset({Scope.TICKETS}))
_FOR_READERS = AnyOf(frozenset({Scope.TICKETS, Scope.AUDIT_READ}))
_FOR_ADMINS = AnyOf(frozenset({Scope.ROLES_READ}))

_DRY_RUN = Parameter(
    "dry_run",
    "query",
    "Decide, record, and take no ticket. Takes no Idempotency-Key.",
    {"type": "boolean", "default": False},
)
_KEY = Parameter(
    "Idempotency-Key",
    "header",
    "Makes a repeated request an attempt of the same issuance, at most three, for 24 hours. "
    "Not together with `dry_run=true`, which is `invalid_request`: a dry run makes no issuance.",
    {"type": "string", "pattern": "^[A-Za-z0-9._~:-]{1,128}$"},
)
_BATCH_KEY = Parameter(
    "Idempotency-Key",
    "header",
    "Counts for each host by itself, as of a single request: a batch may be repeated with fewer or other "
    "hosts under the same key.",
    {"type": "string", "pattern": "^[A-Za-z0-9._~:-]{1,128}$"},
)
_NOT_OF_TICKETS = {
    Reason.NOT_FOUND,
    Reason.METHOD_NOT_ALLOWED,
    Reason.INVALID_CLIENT,
}


@dataclass(frozen=True, slots=True)
class Views:
    """What answers."""

    tickets: Tickets
    batches: Batches
    batch_body: type[BatchBody]
    hosts: Hosts
    issuances: IssuanceViews
    roles: RoleViews
    drift: DriftViews
    audit: AuditViews
    health: HealthViews
    oauth: OAuthViews


def routes(views: Views) -> tuple[Route, ...]:
    """In the order of the way of a request."""
    return (
        *_oauth(views.oauth),
        _ticket(views.tickets),
        _batch(views),
        *_reading(views),
        *_roles(views.roles),
        _drift(views.drift),
        *audit_routes(views.audit),
        *_health(views.health),
    )


def _oauth(views: OAuthViews) -> tuple[Route, ...]:
    public = Open("public keys and addresses, for clients and other servers")
    return (
        Route(
            "POST",
            "/oauth2/token",
            "token",
            Open("authenticates its callers itself"),
            views.token,
            Operation(
                "An access token, good for five minutes",
                {200: TokenAnswer},
                (
                    Reason.MALFORMED,
                    Reason.INVALID_CLIENT,
                    Reason.TOO_LARGE,
                    Reason.RATE_LIMITED,
                    Reason.TOO_MANY_REFUSALS,
                    Reason.LOG_UNAVAILABLE,
                ),
                body=TokenForm,
                body_media_type="application/x-www-form-urlencoded",
                refused_with=TokenError,
            ),
        ),
        Route(
            "GET",
            "/.well-known/jwks.json",
            "jwks",
            public,
            views.jwks,
            Operation("The keys that access tokens are signed with (RFC 7517)", {200: AnyDocument}),
        ),
        Route(
            "GET",
            views.metadata_path,
            "oauth_metadata",
            public,
            views.metadata,
            Operation("What the token endpoint can do (RFC 8414)", {200: AnyDocument}),
        ),
    )


def _ticket(views: Tickets) -> Route:
    return Route(
        "POST",
        TICKETS,
        "ticket",
        _FOR_TICKETS,
        views.post,
        Operation(
            "One CIM ticket for one host, good for two minutes and not renewable",
            {200: TicketOrDecision},
            tuple(reason for reason in Reason if reason not in _NOT_OF_TICKETS),
            (_DRY_RUN, _KEY),
            body=TicketBody,
            answer_headers=(*LIMITED, "Idempotency-Replayed"),
        ),
    )


def _batch(views: Views) -> Route:
    return Route(
        "POST",
        BATCH,
        "batch",
        _FOR_TICKETS,
        views.batches.post,
        Operation(
            "One CIM ticket for each of many hosts; each is limited, decided and recorded by itself",
            {200: BatchLine},
            (Reason.MALFORMED, Reason.INVALID_REQUEST, Reason.TOO_LARGE, Reason.UNSUPPORTED_MEDIA_TYPE),
            (_BATCH_KEY,),
            body=views.batch_body,
            answer_media_type=LINES,
            answer_headers=(REQUEST_ID,),
        ),
    )


def _reading(views: Views) -> tuple[Route, ...]:
    return (
        Route(
            "GET",
            HOSTS,
            "hosts",
            _FOR_TICKETS,
            views.hosts.get,
            Operation(
                "The hosts that this app may have tickets for, with their readiness",
                {200: HostsAnswer},
                (Reason.INVALID_REQUEST,),
                PAGE,
                answer_headers=LIMITED,
            ),
        ),
        Route(
            "GET",
            ISSUANCES,
            "issuances",
            _FOR_READERS,
            views.issuances.page,
            Operation(
                "This app's issuances, newest first; with audit.read every app's",
                {200: IssuancesAnswer},
                (Reason.INVALID_REQUEST,),
                PAGE,
                answer_headers=LIMITED,
            ),
        ),
        Route(
            "GET",
            ISSUANCE,
            "issuance",
            _FOR_READERS,
            views.issuances.one,
            Operation(
                "One issuance",
                {200: IssuanceAnswer},
                (Reason.NOT_FOUND, Reason.INVALID_REQUEST),
                answer_headers=LIMITED,
            ),
        ),
    )


def _roles(views: RoleViews) -> tuple[Route, ...]:
    return (
        Route(
            "GET",
            TEMPLATES,
            "templates",
            _FOR_ADMINS,
            views.templates,
            Operation(
                "The templates, as admins wrote them",
                {200: TemplatesAnswer},
                (Reason.INVALID_REQUEST,),
                PAGE,
                answer_headers=LIMITED,
            ),
        ),
        Route(
            "GET",
            GRANTS,
            "grants",
            _FOR_ADMINS,
            views.grants,
            Operation(
                "The grants, as admins wrote them, and whether tickets are issued under them",
                {200: GrantsAnswer},
                (Reason.INVALID_REQUEST,),
                PAGE,
                answer_headers=LIMITED,
            ),
        ),
    )


def _drift(views: DriftViews) -> Route:
    return Route(
        "GET",
        DRIFT,
        "drift",
        _FOR_ADMINS,
        views.get,
        Operation(
            "What the controller found in vCenter that is not as it was applied",
            {200: DriftsAnswer},
            (Reason.INVALID_REQUEST,),
            PAGE,
            answer_headers=LIMITED,
        ),
    )


def _health(views: HealthViews) -> tuple[Route, ...]:
    return (
        Route(
            "GET",
            "/healthz",
            "alive",
            Open("tells nothing but that the process answers"),
            views.alive,
            Operation("Whether the process answers", {200: Alive}),
        ),
        Route(
            "GET",
            "/readyz",
            "ready",
            Open("tells codes of a closed list, for load balancers"),
            views.ready,
            Operation("Whether this process can issue tickets", {200: Ready, 503: Ready}),
        ),
    )
