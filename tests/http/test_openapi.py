"""The OpenAPI document, and the app held to it by schemathesis."""

import json
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis.specs.openapi.checks import positive_data_acceptance

from broker.errors import REASONS
from tests.support.http_fakes import AUDITOR, CLIENT_SECRET, ISSUER, NAGIOS, Desk, basic, make_desk

OWN_MEDIA_TYPES = {"/v1/tickets:batch": "application/x-ndjson", "/v1/audit/checkpoint": "text/plain"}


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    answer = make_desk().client.get("/openapi.json")
    assert answer.status_code == 200
    found: dict[str, Any] = json.loads(answer.text)
    return found


def test_it_is_openapi_3_1_of_this_issuer(document: dict[str, Any]) -> None:
    assert document["openapi"] == "3.1.0"
    assert document["servers"] == [{"url": ISSUER}]


def test_every_route_is_in_it_and_nothing_else(document: dict[str, Any], desk: Desk) -> None:
    served = {
        (rule.rule.replace("<", "{").replace(">", "}"), method.lower())
        for rule in desk.app.url_map.iter_rules()
        for method in (rule.methods or set()) - {"HEAD"}
    }

    assert {(path, method) for path, item in document["paths"].items() for method in item} == served


def test_every_operation_says_what_token_it_needs(document: dict[str, Any]) -> None:
    open_paths = {
        path for path, item in document["paths"].items() for op in item.values() if not op["security"]
    }

    assert open_paths == {
        "/oauth2/token",
        "/.well-known/jwks.json",
        "/.well-known/oauth-authorization-server",
        "/healthz",
        "/readyz",
        "/openapi.json",
    }
    assert document["paths"]["/v1/tickets"]["post"]["description"] == "Scope: tickets."
    assert document["paths"]["/v1/issuances"]["get"]["description"] == "Scope: audit.read or tickets."


def test_every_error_is_a_problem_document_but_the_token_endpoints(document: dict[str, Any]) -> None:
    for path, item in document["paths"].items():
        for operation in item.values():
            for status, answer in operation["responses"].items():
                own = status == "200" or (path, status) == ("/readyz", "503")
                oauth = path == "/oauth2/token" and status in {"400", "401"}
                expected = "application/json" if own or oauth else "application/problem+json"
                if status == "200":
                    expected = OWN_MEDIA_TYPES.get(path, expected)
                assert list(answer["content"]) == [expected], (path, status)


def test_the_codes_that_can_be_shown_are_the_closed_list(document: dict[str, Any]) -> None:
    shown = {str(facts.shown_as) for facts in REASONS.values()}

    assert set(document["components"]["schemas"]["Problem"]["properties"]["code"]["enum"]) == shown


def test_every_reference_leads_somewhere(document: dict[str, Any]) -> None:
    schemas = document["components"]["schemas"]
    for part in json.dumps(document).split('"$ref": "')[1:]:
        assert part.partition('"')[0].removeprefix("#/components/schemas/") in schemas


@schemathesis.hook
def before_load_schema(_context: object, raw_schema: dict[str, Any]) -> None:
    """Seek no name that is one too long: it takes seconds, and tests of their own have one."""
    bodies = raw_schema["components"]["schemas"]
    del bodies["TicketBody"]["properties"]["host"]["maxLength"]
    del bodies["BatchBody"]["properties"]["hosts"]["items"]["maxLength"]


_DESK = make_desk()
_SCHEMA = schemathesis.openapi.from_wsgi("/openapi.json", _DESK.app)

_CANNOT_BE_DESCRIBED: Any = [positive_data_acceptance]
"""A cursor is one that an answer gave, a size one of the log, scopes are the app's own, a batch names no host
in two spellings and takes no 8.0 for 8: no schema can say so."""


@pytest.mark.no_cover  # others cover the lines; schemathesis itself would take thrice as long
@_SCHEMA.parametrize()
@settings(max_examples=10, deadline=None, suppress_health_check=list(HealthCheck))
def test_the_app_does_what_its_document_says(case: schemathesis.Case[Any]) -> None:
    _DESK.world.clock.advance(1)
    if case.query and case.headers and str(case.query.get("dry_run")).lower() == "true":
        case.headers.pop("Idempotency-Key", None)  # the two exclude each other: no schema can say so
    if case.operation.path == "/oauth2/token":
        case.call_and_validate(headers=basic(NAGIOS, CLIENT_SECRET), excluded_checks=_CANNOT_BE_DESCRIBED)
    elif case.operation.path in {"/v1/hosts", "/v1/issuances", "/v1/tickets:batch"}:
        case.call_and_validate(headers=_DESK.bearer(), excluded_checks=_CANNOT_BE_DESCRIBED)
    elif case.operation.path in {"/v1/templates", "/v1/grants", "/v1/drift"}:
        headers = _DESK.bearer(scope="roles.read")
        case.call_and_validate(headers=headers, excluded_checks=_CANNOT_BE_DESCRIBED)
    elif case.operation.path.startswith("/v1/audit/"):
        headers = _DESK.bearer(AUDITOR, "audit.read")
        case.call_and_validate(headers=headers, excluded_checks=_CANNOT_BE_DESCRIBED)
    elif case.operation.path.startswith("/v1/"):
        case.call_and_validate(headers=_DESK.bearer())
    else:
        case.call_and_validate()
