"""Asking for a batch and reading its lines, on the HTTP room with everything around it in memory."""

import json
from typing import Any

from werkzeug.test import TestResponse

from tests.support.http_fakes import HTTP_POLICY, Desk, make_desk
from tests.support.issuing import crowd, name

PATH = "/v1/tickets:batch"


def desk_of(hosts: int) -> Desk:
    return make_desk(world=crowd(hosts, HTTP_POLICY))


def body_of(hosts: int, **more: object) -> dict[str, object]:
    return {"hosts": [name(each) for each in range(hosts)], **more}


def ask(desk: Desk, body: object, **headers: str) -> TestResponse:
    named = {header.replace("_", "-"): value for header, value in headers.items()}
    return desk.client.post(PATH, json=body, headers={**desk.bearer(), **named})


def lines_of(answer: TestResponse) -> list[dict[str, Any]]:
    assert answer.status_code == 200, answer.text
    return [json.loads(line) for line in answer.text.splitlines()]


def by_index(lines: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The lines of hosts, in the order of the request."""
    return sorted((line for line in lines if "index" in line), key=lambda line: int(line["index"]))
