"""Bodies that two readers could take differently, or that cost more than they are worth."""

import contextlib
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from broker.http.strict_json import MAX_DEPTH, NotStrictJson, parse, parse_object
from tests.support.http_fakes import Desk, make_desk

MALFORMED = [
    b"",
    b" ",
    b"{",
    b"{'host': 'x'}",
    b'{"host": "x",}',
    b'{"host": "x"} {"host": "y"}',
    b'{"host": "x"}\x00',
    b'{"host": "a", "host": "b"}',
    b'{"host": "a", "ho\\u0073t": "b"}',
    b'{"host": {"a": 1, "a": 2}}',
    b'{"host": NaN}',
    b'{"host": Infinity}',
    b'{"host": -Infinity}',
    b'{"host": 1e999}',
    b'{"host": -1e999}',
    b'{"host": ' + b"9" * 20 + b"}",
    b'{"host": -' + b"9" * 60_000 + b"}",
    b'{"host": 0x10}',
    b'{"host": 01}',
    b"\xef\xbb\xbf{}",
    b'{"host": "\xff"}',
    '{"host": "x"}'.encode("utf-16"),
    b"[" * 60_000,
    b"[" * 17 + b"]" * 17,
    b'{"a":' * 17 + b"1" + b"}" * 17,
    b'{"host": "x" /* y */}',
    b'{"host": "line\nbreak"}',
    b"undefined",
]


@pytest.mark.parametrize("body", MALFORMED)
def test_a_malformed_body_is_a_400_on_record(desk: Desk, body: bytes) -> None:
    answer = desk.client.post(
        "/v1/tickets", data=body, content_type="application/json", headers=desk.bearer()
    )

    assert (answer.status_code, answer.get_json()["code"]) == (400, "malformed")
    assert desk.access.refused[-1][1] == "malformed"
    assert desk.world.trail == []


@pytest.mark.parametrize(
    "document", [b'{"a": "[[[[[[[[[[[[[[[[[[[[[[["}', b'{"a": "\\"[[[[[[[[[[[[[[[[[[[["}']
)
def test_brackets_in_a_text_are_no_nesting(document: bytes) -> None:
    assert parse_object(document)


def test_depth_and_digits_end_where_they_are_said_to() -> None:
    assert parse(b"[" * MAX_DEPTH + b"]" * MAX_DEPTH)
    assert parse(b"-" + b"9" * 19) == -int("9" * 19)


def test_only_an_object_is_an_object() -> None:
    with pytest.raises(NotStrictJson, match="not an object"):
        parse_object(b"[]")


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**18), 10**18)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=10,
)


@given(JSON)
def test_what_json_writers_write_is_read_as_they_meant_it(document: Any) -> None:
    assert parse(json.dumps(document).encode()) == document


@given(st.binary(max_size=200))
def test_no_bytes_raise_anything_else(raw: bytes) -> None:
    with contextlib.suppress(NotStrictJson):
        parse(raw)


@given(st.text(max_size=80))
def test_every_accepted_text_is_json_to_the_standard_library_too(text: str) -> None:
    try:
        found = parse(text.encode("utf-8", "surrogatepass"))
    except NotStrictJson:
        return
    assert json.loads(text) == found


_DESK = make_desk()


@settings(max_examples=60, deadline=None)
@given(
    st.dictionaries(
        st.sampled_from(["host", "grant", "vcenter", "dry_run", "x"]),
        st.one_of(
            st.text(max_size=40),
            st.sampled_from(["esx01.example.com", "nagios-dc1", "prod", "10.0.0.1"]),
            JSON,
        ),
        max_size=4,
    )
)
def test_no_body_makes_a_success_without_a_decision_and_none_breaks_the_app(body: dict[str, object]) -> None:
    _DESK.world.trail.clear()
    _DESK.world.clock.advance(20)

    answer = _DESK.ticket(body)

    assert answer.status_code in {200, 400, 403, 422, 429}
    if answer.status_code == 200:
        assert _DESK.world.trail[-1] == "conclude"
