"""Signed notes (C2SP signed-note)."""

import subprocess
from collections.abc import Callable

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st

from broker.tlog.note import (
    Note,
    NoteRefused,
    Signature,
    SignerKey,
    VerifierKey,
    parsed_note,
    signed_note,
    verifier_key,
)
from tests.support.outsider import outsiders_text

PETER = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
"""The key and the note of the tests of golang.org/x/mod/sumdb/note."""
PETERS_TEXT = (
    "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n"
)
PETERS_NOTE = (
    f"{PETERS_TEXT}\n\N{EM DASH} PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNX"
    "gKvqfqdngotpRZb6KE6RyyBwJnAM=\n"
)
POEM = """Ognuno sta solo sul cuor della terra
trafitto da un raggio di sole:

ed è subito sera.

\N{EM DASH} quasimodo.example/salvatore NnugSzTjtVAewIS+Z/iJhUPeFDkO/5QQ2i5ddnGITLlC+EhfLW9oJKONrMouFSQU0xMcX\
xj99ihAQwaqP3ZekRwNtIc=
"""
"""The specification's own example."""

KEY = SignerKey.generated("broker.example/audit")
OTHER = SignerKey.generated("witness.example")
TEXT = "one line\n\nand another\n"
NOTE = signed_note(TEXT, [KEY])


def test_a_note_that_another_implementation_signed_is_taken() -> None:
    key = verifier_key(PETER)
    note = parsed_note(PETERS_NOTE)
    assert note.text == PETERS_TEXT
    assert note.signed_by([key]) == (key,)
    assert str(key) == PETER
    assert str(note) == PETERS_NOTE


def test_another_implementation_takes_a_note_of_ours_and_refuses_it_changed() -> None:
    note = signed_note(TEXT, [OTHER, KEY])
    assert outsiders_text(note, str(KEY.verifier)) == TEXT
    with pytest.raises(subprocess.CalledProcessError):
        outsiders_text(note.replace("one", "two"), str(KEY.verifier))


def test_the_text_ends_at_the_last_empty_line() -> None:
    note = parsed_note(POEM)
    assert note.text.endswith("sole:\n\ned è subito sera.\n")
    (signature,) = note.signatures
    assert (signature.name, signature.key_id) == ("quasimodo.example/salvatore", "367ba04b")


def test_a_key_is_read_back_as_it_was_written() -> None:
    again = SignerKey.parsed(KEY.encoded())
    assert again.verifier == KEY.verifier == verifier_key(str(KEY.verifier))
    assert parsed_note(signed_note(TEXT, [again])).signed_by([KEY.verifier]) == (KEY.verifier,)


def test_a_private_key_prints_as_nothing_of_it() -> None:
    secret = KEY.encoded().rpartition("+")[2]
    assert secret not in repr(KEY)
    assert secret not in str(KEY)
    with pytest.raises(NoteRefused) as refused:
        SignerKey.parsed(KEY.encoded() + "!")
    assert secret not in str(refused.value)


def test_signatures_of_unknown_keys_are_ignored_even_where_they_are_nonsense() -> None:
    stray = "\N{EM DASH} stray.example AAAAAAA=\n"
    note = parsed_note(signed_note(TEXT, [OTHER, KEY]) + stray)
    assert note.signed_by([KEY.verifier]) == (KEY.verifier,)
    assert parsed_note(signed_note(TEXT, [OTHER]) + stray).signed_by([KEY.verifier]) == ()


def test_a_signature_that_shares_a_known_keys_name_or_id_but_not_both_is_ignored() -> None:
    line = NOTE.splitlines()[-1]
    named = line.replace(KEY.name, "elsewhere.example")
    namesake = SignerKey.generated(KEY.name)
    note = f"{NOTE}{named}\n{signed_note(TEXT, [namesake]).splitlines()[-1]}\n"
    assert parsed_note(note).signed_by([KEY.verifier]) == (KEY.verifier,)


def test_a_wrong_signature_of_a_known_key_refuses_the_note_though_another_is_right() -> None:
    wrong = signed_note("another text\n", [OTHER]).splitlines()[-1]
    note = parsed_note(f"{NOTE}{wrong}\n")
    assert note.signed_by([KEY.verifier]) == (KEY.verifier,)
    with pytest.raises(NoteRefused, match=r"witness\.example"):
        note.signed_by([KEY.verifier, OTHER.verifier])


def test_a_key_counts_once_however_often_it_is_trusted_or_signed() -> None:
    line = NOTE.splitlines()[-1]
    note = parsed_note(f"{NOTE}{line}\n")
    assert note.signed_by([KEY.verifier, VerifierKey(KEY.name, KEY.verifier.public)]) == (KEY.verifier,)


def test_a_key_whose_id_collides_does_not_verify() -> None:
    (theirs,) = parsed_note(signed_note(TEXT, [SignerKey.generated(KEY.name)])).signatures
    forged = Note(TEXT, (Signature(KEY.name, KEY.verifier.id, theirs.value),))
    with pytest.raises(NoteRefused, match="is wrong"):
        parsed_note(str(forged)).signed_by([KEY.verifier])


@pytest.mark.parametrize("signatures", [1, 16, 17, 100])
def test_notes_with_many_signatures_are_taken(signatures: int) -> None:
    keys = [KEY, *(SignerKey.generated(f"w{number}.example") for number in range(signatures - 1))]
    note = parsed_note(signed_note(TEXT, keys))
    assert len(note.signed_by([key.verifier for key in keys])) == signatures


@pytest.mark.parametrize(
    "text",
    [
        "",
        "text\n",
        "text\n\n",
        "text\n\n\n",
        NOTE.removesuffix("\n"),
        NOTE + "\n",
        NOTE.replace("\n\n\N{EM DASH}", "\n\N{EM DASH}", 1).replace("\n\n", "\n"),
        NOTE.replace("one", "o\tne"),
        NOTE.replace("one", "o\rne"),
        NOTE.replace("one", "o\0ne"),
        NOTE.replace("one", "o\ud800ne"),
        NOTE.replace("\N{EM DASH} ", "- "),
        NOTE.replace(f" {KEY.name} ", " broker+example "),
        NOTE.replace(f" {KEY.name} ", "  "),
        NOTE.replace(f" {KEY.name} ", " two names "),
        NOTE.replace(f" {KEY.name} ", " two\u2003names "),
        "text\n\n\N{EM DASH} name AAAAAA==\n",
        "text\n\n\N{EM DASH} name !\n",
        "text\n\n" + "\N{EM DASH} name AAAAAAA=\n" * 101,
        "t" * 1_000_000 + "\n\n\N{EM DASH} name AAAAAAA=\n",
    ],
)
def test_what_is_no_note_is_refused(text: str) -> None:
    with pytest.raises(NoteRefused):
        parsed_note(text)


@pytest.mark.parametrize(
    "name", ["", "two names", "a+b", "tab\there", "bell\x07", "half\ud800", "wide\u3000space"]
)
def test_a_name_that_no_note_can_carry_is_refused(name: str) -> None:
    with pytest.raises(NoteRefused):
        SignerKey.generated(name)
    with pytest.raises(NoteRefused):
        verifier_key(str(KEY.verifier).replace(KEY.name, name))


@pytest.mark.parametrize("text", ["no newline", "", "a tab\t\n", "half \ud800\n"])
def test_a_text_that_no_note_can_carry_is_not_signed(text: str) -> None:
    with pytest.raises(NoteRefused):
        signed_note(text, [KEY])


def test_a_note_is_signed_by_somebody() -> None:
    with pytest.raises(NoteRefused):
        signed_note(TEXT, [])


@pytest.mark.parametrize(
    "change",
    [
        lambda key: key.replace("+", "+0", 1)[:-1],
        lambda key: key.upper(),
        lambda key: key + "\n",
        lambda key: key[:-4],
        lambda key: key.replace("+A", "+B"),
        lambda key: key.partition("+")[2],
        lambda key: key + "+" + key,
    ],
)
def test_a_key_that_is_not_written_as_keys_are_is_refused(change: Callable[[str], str]) -> None:
    with pytest.raises(NoteRefused):
        verifier_key(change(str(KEY.verifier)))
    with pytest.raises(NoteRefused):
        SignerKey.parsed("PRIVATE+KEY+" + change(KEY.encoded().removeprefix("PRIVATE+KEY+")))


def test_the_public_key_is_not_taken_for_the_private_one() -> None:
    with pytest.raises(NoteRefused):
        SignerKey.parsed(str(KEY.verifier))


@given(st.data())
@settings(max_examples=300, deadline=None)
def test_one_bit_wrong_anywhere_in_a_note_refuses_it_or_its_signature(data: st.DataObject) -> None:
    whole = bytearray(NOTE.encode())
    whole[data.draw(st.integers(0, len(whole) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    try:
        signers = parsed_note(whole.decode()).signed_by([KEY.verifier])
    except (NoteRefused, UnicodeDecodeError):
        signers = ()
    assert signers == ()


@given(st.binary(min_size=32, max_size=32), st.binary(max_size=80))
@settings(max_examples=100, deadline=None)
def test_no_signature_of_any_length_is_taken_for_another(seed: bytes, signature: bytes) -> None:
    public = Ed25519PrivateKey.from_private_bytes(seed).public_key().public_bytes_raw()
    assert not VerifierKey("a", public).signed(TEXT.encode(), signature)
