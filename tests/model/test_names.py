"""Whatever text comes, a name is in its grammar and in its one form, or it is an InvalidName."""

import ipaddress
import string
from collections.abc import Callable

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from broker.errors import InvalidName
from broker.model.names import (
    parse_host_name,
    parse_id,
    parse_idempotency_key,
    parse_issuance_id,
    parse_moid,
)

LOWER = frozenset(string.ascii_lowercase + string.digits)
LETTERS = frozenset(string.ascii_letters + string.digits)

ANY_TEXT = st.text(st.characters(), max_size=300)  # half characters too: JSON can carry them
NEARLY = st.text(string.ascii_letters + string.digits + "-._~: \n\0/%\u0131\u212a", max_size=140)
TEXTS = ANY_TEXT | NEARLY


def is_id(text: str) -> bool:
    """The grammar of our ids, said once more without a pattern."""
    inner = set(text) <= LOWER | {"-"}
    return 1 <= len(text) <= 63 and inner and text[0] != "-" != text[-1]


def is_moid(text: str) -> bool:
    return 1 <= len(text) <= 80 and set(text) <= LETTERS | {"-"} and text[0] in string.ascii_letters


def is_key(text: str) -> bool:
    return 1 <= len(text) <= 128 and set(text) <= LETTERS | set("._~:-")


def is_issuance(text: str) -> bool:
    parts = text.split("-")
    return (
        [len(part) for part in parts] == [8, 4, 4, 4, 12]
        and set("".join(parts)) <= set("0123456789abcdef")
        and parts[2][0] == "7"
        and parts[3][0] in "89ab"
    )


def is_label(text: str) -> bool:
    inner = set(text) <= LOWER | {"-", "_"}
    return 1 <= len(text) <= 63 and inner and text[0] != "-" and (len(text) == 1 or text[-1] not in "-_")


def accepted(parse: Callable[[str], str], text: str) -> str | None:
    """What the text is taken for; None where it is refused. Anything but InvalidName fails the test."""
    try:
        return parse(text)
    except InvalidName:
        return None


GRAMMARS = [
    (lambda text: parse_id(text, "app"), is_id),
    (parse_moid, is_moid),
    (parse_idempotency_key, is_key),
    (parse_issuance_id, is_issuance),
]
VALID = ["a", "a-b", "host-42", "group-d1", "poll-1", "018f0000-0000-7000-8000-000000000000"]


@pytest.mark.parametrize(("parse", "is_in_grammar"), GRAMMARS)
@given(text=TEXTS | st.sampled_from(VALID))
@example(text="a\n")
@example(text="")
@example(text="a-")
@example(text="a" * 64)
@example(text="018f0000-0000-7000-8000-000000000000")
@example(text="018f0000-0000-7000-8000-000000000000\n")
@example(text="018f0000-0000-4000-8000-000000000000")
def test_an_id_is_given_back_as_it_came_exactly_where_it_is_in_its_grammar(
    parse: Callable[[str], str], is_in_grammar: Callable[[str], bool], text: str
) -> None:
    assert accepted(parse, text) == (text if is_in_grammar(text) else None)


HOST_NAMES = st.lists(st.text("abcXYZ019_-", min_size=1, max_size=9), min_size=1, max_size=4).map(".".join)
ADDRESSES = st.ip_addresses().map(str)
SPELLED_OUT = st.ip_addresses(v=6).map(lambda address: address.exploded.upper())


@given(text=TEXTS | HOST_NAMES | HOST_NAMES.map(lambda name: name + ".") | ADDRESSES | SPELLED_OUT)
@example(text="esx01.example.com\n")
@example(text="esx01.example.com..")
@example(text="1.2.3")
@example(text="::1%eth0")
@example(text="::ffff:10.0.0.1")
@example(text="K.example")
@example(text=".".join(["a" * 63] * 4))
def test_a_host_name_is_canonical_or_refused(text: str) -> None:
    found = accepted(parse_host_name, text)
    if found is None:
        return
    assert parse_host_name(found) == found
    assert found.isascii()
    assert found == found.lower()
    if not is_address(found):
        assert len(found) <= 253
        assert all(is_label(label) for label in found.split("."))
        assert found == text.lower().removesuffix(".")


@given(address=st.ip_addresses())
def test_every_spelling_of_an_address_is_one_name(
    address: ipaddress.IPv4Address | ipaddress.IPv6Address,
) -> None:
    names = {parse_host_name(text) for text in (str(address), address.exploded, address.exploded.upper())}
    assert names == {str(address)}


@given(
    labels=st.lists(st.from_regex(r"[a-z]([a-z0-9-]{0,20}[a-z0-9])?", fullmatch=True), min_size=1, max_size=4)
)
def test_every_spelling_of_a_dns_name_is_one_name(labels: list[str]) -> None:
    name = ".".join(labels)
    assert {parse_host_name(each) for each in (name, name.upper(), name + ".", name.title())} == {name}


def is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True
