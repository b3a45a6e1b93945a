"""What becomes of texts from outside before they are bytes in the log."""

import json
from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker.store.canonical import MAX_BYTES
from broker.store.canonical import canonical as in_form
from broker.texts import cleaned

TEXTS = st.text(st.characters(), max_size=200)
ENVELOPE = {"v": 1, "id": "x"}
VALUES = st.one_of(
    TEXTS,
    st.integers(-(2**53) + 1, 2**53 - 1),
    st.booleans(),
    st.none(),
    st.lists(TEXTS, max_size=5),
    st.dictionaries(TEXTS, st.one_of(TEXTS, st.integers(0, 9)), max_size=5),
)


def canonical(envelope: Mapping[str, object], fields: Mapping[str, object]) -> bytes:
    """The bytes alone, which say the same as the content beside them."""
    content, line = in_form(envelope, fields)
    assert json.loads(line) == content
    return line


@pytest.mark.parametrize(
    "hostile",
    [
        "a\r\nb",
        "a\nINFO forged",
        "a\x1b[31mb",
        "a\x00b",
        "a\u2028b",
        "a\u2029b",
        "a\u202eb",
        "a\u200fb",
        "a\ud800b",
        "a\x7fb",
        "a\x85b",
        "a\u200bb",
        "a\ufeffb",
        "a\U000e0041b",
    ],
)
def test_an_unsafe_character_is_replaced(hostile: str) -> None:
    line = canonical(ENVELOPE, {"agent": hostile})
    assert "\ufffd" in line.decode()
    assert line.decode().isprintable()
    assert len(line.decode().splitlines()) == 1


def test_what_people_write_stays_as_it_is() -> None:
    text = 'Prüfung "ärger" \\ | = ] <&> 東京 \U0001f600 =cmd()'
    assert json.loads(canonical(ENVELOPE, {"agent": text}))["fields"] == {"agent": text}


def test_a_user_agent_of_a_megabyte_is_clipped_with_a_marker() -> None:
    shown = json.loads(canonical(ENVELOPE, {"agent": "x" * 1_000_000}))["fields"]["agent"]
    assert shown == "x" * 1024 + "…[998976 more]"


def test_many_items_are_clipped_with_a_marker() -> None:
    tidy = json.loads(canonical(ENVELOPE, {"list": ["p"] * 600, "map": {str(n): n for n in range(600)}}))[
        "fields"
    ]
    assert tidy["list"][-1] == "…[88 more]"
    assert len(tidy["list"]) == 513
    assert tidy["map"]["…"] == 88


def test_what_is_large_in_many_places_is_clipped_harder_until_it_fits() -> None:
    large = {f"field{n}": ["\U00010000" * 2000] * 600 for n in range(20)}
    line = canonical(ENVELOPE, {**large, "issuance": "i" * 36, "host": "h" * 253})
    fields = json.loads(line)["fields"]
    assert len(line) <= MAX_BYTES
    assert (fields["issuance"], fields["host"]) == ("i" * 36, "h" * 253)
    assert len(fields) == 22


def test_a_content_without_bounds_is_a_defect() -> None:
    with pytest.raises(ValueError, match="too many fields"):
        canonical(ENVELOPE, {f"field{n}": "x" * 99 for n in range(2000)})


@pytest.mark.parametrize("defect", [1.5, float("nan"), b"bytes", object(), {1, 2}])
def test_a_record_holds_no_floats_and_no_other_types(defect: object) -> None:
    with pytest.raises(TypeError):
        canonical(ENVELOPE, {"field": [defect]})


@pytest.mark.parametrize("number", [2**53, -(2**53)])
def test_a_record_holds_no_integer_that_some_reader_would_round(number: int) -> None:
    with pytest.raises(ValueError, match=r"2\*\*53"):
        canonical(ENVELOPE, {"field": number})


def test_keys_are_sorted_and_nothing_is_between() -> None:
    line = canonical({"v": 1, "at": 2}, {"b": True, "a": None, "c": {"z": 1, "y": -2}})
    assert line == b'{"at":2,"fields":{"a":null,"b":true,"c":{"y":-2,"z":1}},"v":1}'


def test_a_text_that_is_just_short_enough_has_no_marker() -> None:
    assert cleaned("abc", 3) == "abc"
    assert cleaned("abcd", 3) == "abc…[1 more]"


@given(st.dictionaries(TEXTS, VALUES, max_size=6))
def test_any_content_becomes_one_printable_line_of_canonical_json(content: dict[str, object]) -> None:
    line = canonical(ENVELOPE, content)
    again = json.loads(line)
    assert len(line) <= MAX_BYTES
    assert line.decode().isprintable()
    assert json.dumps(again, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode() == line
