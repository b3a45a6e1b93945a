"""Proofs that stand alone (C2SP tlog-proof)."""

import subprocess

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from broker.tlog.checkpoint import TreeHead, parsed_checkpoint, signed_checkpoint
from broker.tlog.merkle import inclusion_path, leaf_hash, root_of
from broker.tlog.note import NoteRefused, SignerKey
from broker.tlog.proof import Proof, ProofRefused, parsed_proof
from tests.support.outsider import outsiders_index
from tests.support.trees import numbered, reader_of

ORIGIN = "broker.example/audit"
KEY = SignerKey.generated(ORIGIN)
TRUSTED = [KEY.verifier]


def proof_of(index: int, size: int, extra: bytes = b"") -> Proof:
    node = reader_of(numbered(size))
    note = signed_checkpoint(TreeHead(ORIGIN, size, root_of(size, node)), [KEY])
    return Proof(index, inclusion_path(index, size, node), parsed_checkpoint(note), extra)


TEXT = str(proof_of(5, 11))
LEAF = leaf_hash(b"5")


@pytest.mark.parametrize(("index", "size"), [(0, 1), (0, 2), (5, 11), (299, 300)])
def test_a_proof_is_read_back_and_holds_for_its_leaf_alone(index: int, size: int) -> None:
    proof = proof_of(index, size)
    again = parsed_proof(str(proof))
    assert again == proof
    assert again.verify(leaf_hash(str(index).encode()), TRUSTED) == proof.checkpoint.head
    with pytest.raises(ProofRefused, match=f"index {index}"):
        again.verify(leaf_hash(b"something else"), TRUSTED)


def test_a_proof_has_the_form_of_the_specification() -> None:
    header, index, *path, empty, origin, size, _, _, signature, end = TEXT.split("\n")
    assert (header, index, empty, origin, size, end) == (
        "c2sp.org/tlog-proof@v1",
        "index 5",
        "",
        ORIGIN,
        "11",
        "",
    )
    assert [len(step) for step in path] == [44] * 4
    assert signature.startswith(f"\N{EM DASH} {ORIGIN} ")


def test_another_implementation_finds_the_same_proved_and_refuses_another_leaf() -> None:
    assert outsiders_index(TEXT, str(KEY.verifier), ORIGIN, "5") == 5
    with pytest.raises(subprocess.CalledProcessError):
        outsiders_index(TEXT, str(KEY.verifier), ORIGIN, "6")


def test_extra_data_comes_along_and_proves_nothing() -> None:
    proof = parsed_proof(str(proof_of(5, 11, b"case 17")))
    assert proof.extra == b"case 17"
    assert proof.verify(LEAF, TRUSTED)
    assert outsiders_index(str(proof), str(KEY.verifier), ORIGIN, "5") == 5
    assert parsed_proof(TEXT.replace("@v1\n", "@v1\nextra AAAA\n")).verify(LEAF, TRUSTED)


def test_a_proof_whose_checkpoint_nobody_trusted_signed_proves_nothing() -> None:
    with pytest.raises(NoteRefused, match=ORIGIN):
        parsed_proof(TEXT).verify(LEAF, [SignerKey.generated(ORIGIN).verifier])


@pytest.mark.parametrize(
    ("found", "instead"),
    [
        ("@v1", "@v2"),
        ("@v1\n", "@v1\n\n"),
        ("index 5", "index 05"),
        ("index 5", "index  5"),
        ("index 5", "index -5"),
        ("index 5", "index \N{ARABIC-INDIC DIGIT FIVE}"),
        ("index 5", "INDEX 5"),
        ("index 5\n", ""),
        ("index 5", "index 5\nindex 5"),
        ("index 5", "index 5\nextra AAAA"),
        ("index 5", "extra AAAA"),
        ("index 5", "extra \nindex 5"),
        ("index 5", "extra !\nindex 5"),
        ("index 5", "extra AAAA\nextra AAAA\nindex 5"),
        ("index 5\n", "index 5\nAAAA\n"),
        ("index 5\n", "index 5\n" + f"{'A' * 43}=\n" * 64),
        ("=\n", "\n"),
        (f"\n\n{ORIGIN}", f"\n{ORIGIN}"),
        (f"\n\n{ORIGIN}", f"\n\n\n{ORIGIN}"),
        ("\n", "\r\n"),
    ],
)
def test_what_is_no_proof_is_refused(found: str, instead: str) -> None:
    assert found in TEXT
    with pytest.raises(NoteRefused):
        parsed_proof(TEXT.replace(found, instead))


@pytest.mark.parametrize(
    "text", ["", "c2sp.org/tlog-proof@v1", "c2sp.org/tlog-proof@v1\n\n", TEXT[:-1], TEXT + "\n"]
)
def test_a_proof_cut_short_is_refused(text: str) -> None:
    with pytest.raises(NoteRefused):
        parsed_proof(text)


@given(st.data())
@settings(max_examples=400, deadline=None)
def test_one_bit_wrong_anywhere_refuses_the_proof(data: st.DataObject) -> None:
    whole = bytearray(TEXT.encode())
    whole[data.draw(st.integers(0, len(whole) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    with pytest.raises((NoteRefused, UnicodeDecodeError)):
        parsed_proof(whole.decode()).verify(LEAF, TRUSTED)
