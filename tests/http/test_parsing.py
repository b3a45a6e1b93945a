"""What strangers send before anybody knows who they are: taken apart or refused, and nothing else."""

import base64
import json
from contextlib import suppress
from urllib.parse import quote_plus

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from broker.http.oauth.client_secret import _pair
from broker.http.oauth.clients import ClientCause, ClientDenied
from broker.http.oauth.jose import MAX_TOKEN_CHARACTERS, NotAToken, read_unverified
from broker.model.secret import Secret

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**18), 10**18) | st.text(max_size=8),
    lambda inside: st.lists(inside, max_size=3) | st.dictionaries(st.text(max_size=5), inside, max_size=3),
    max_leaves=6,
)
HEADERS = st.dictionaries(
    st.sampled_from(["alg", "kid", "typ", "crit", "jku", "jwk", "x5c", ""]), st.text(max_size=8) | JSON
)
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)


def part(document: object) -> str:
    raw = json.dumps(document).encode()
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


@given(text=st.text(st.characters(), max_size=200) | st.text("aZ0-_.=", max_size=60))
@example(text="a.b.c\n")
@example(text="..")
@example(text="e30.e30.e30\n")
@example(text="e30.e30.AA" + "A" * MAX_TOKEN_CHARACTERS)
def test_any_text_is_a_token_of_three_parts_or_none(text: str) -> None:
    with suppress(NotAToken):
        token = read_unverified(text)
        assert token.text == text
        assert text.count(".") == 2
        assert set(text) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.")


@given(header=HEADERS, claims=JSON | st.dictionaries(st.text(max_size=5), JSON, max_size=4))
def test_a_token_says_what_was_written_into_it_or_is_refused(
    header: dict[str, object], claims: object
) -> None:
    welcome = header.keys() <= {"alg", "kid", "typ"} and all(isinstance(v, str) for v in header.values())
    try:
        token = read_unverified(f"{part(header)}.{part(claims)}.AA")
    except NotAToken:
        token = None
    assert (token is not None) == (welcome and isinstance(claims, dict) and is_text([header, claims]))
    if token is None:
        return
    assert token.claims == claims
    assert (token.algorithm, token.key_id, token.type) == (
        header.get("alg", ""),
        header.get("kid"),
        header.get("typ"),
    )
    assert is_text([token.algorithm, token.key_id, token.type, token.claims])


def is_text(document: object) -> bool:
    """Whether it can be stored and logged: no half characters."""
    try:
        json.dumps(document, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return False
    return True


@pytest.mark.parametrize("payload", [b'{"jti": "\\ud800"}', b'{"\\udc00": 1}', b'{"a": ["\\ud800x"]}'])
def test_half_a_character_is_no_claim(payload: bytes) -> None:
    encoded = base64.urlsafe_b64encode(payload).rstrip(b"=").decode()
    with pytest.raises(NotAToken):
        read_unverified(f"{part({'alg': 'ES256'})}.{encoded}.AA")


@given(client_id=TEXT, secret=TEXT)
def test_a_client_and_its_secret_are_read_as_they_were_written(client_id: str, secret: str) -> None:
    written = f"{quote_plus(client_id)}:{quote_plus(secret)}".encode()
    found, presented = _pair(base64.b64encode(written).decode())
    assert (found, presented.reveal()) == (client_id, secret)


@given(
    header=st.text(st.characters(), max_size=60)
    | st.binary(max_size=60).map(lambda b: base64.b64encode(b).decode())
)
@example(header="")
@example(header="Og==")
@example(header="Og")
@example(header=" YTpi ")
@example(header="YQ==")
@example(header="/zpi")
def test_any_basic_header_is_a_pair_that_can_be_stored_or_refused(header: str) -> None:
    found: tuple[str, Secret] | ClientCause
    try:
        found = _pair(header)
    except ClientDenied as denied:
        found = denied.cause
    if isinstance(found, tuple):
        assert is_text([found[0], found[1].reveal()])
    else:
        assert found is ClientCause.UNREADABLE
