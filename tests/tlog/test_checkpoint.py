"""Checkpoints (C2SP tlog-checkpoint)."""

import pytest

from broker.tlog.checkpoint import TreeHead, parsed_checkpoint, signed_checkpoint
from broker.tlog.merkle import EMPTY_ROOT, leaf_hash
from broker.tlog.note import NoteRefused, SignerKey, signed_note, verifier_key

SUMDB = "sum.golang.org+033de0ae+Ac4zctda0e5eza+HJyk9SxEdh+s3Ux18htTTAD8OuAn8"
SUMDB_CHECKPOINT = """go.sum database tree
20852163
CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=

\N{EM DASH} sum.golang.org Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo\
+zyWE+xeMcTOAYQ8=
"""
"""One of Go's checksum database, from which the specification made its example."""

ORIGIN = "broker.example/audit"
KEY = SignerKey.generated(ORIGIN)
HEAD = TreeHead(ORIGIN, 3, leaf_hash(b"root"))


def test_a_checkpoint_of_another_log_is_read_and_its_signature_holds() -> None:
    checkpoint = parsed_checkpoint(SUMDB_CHECKPOINT)
    assert checkpoint.head.origin == "go.sum database tree"
    assert checkpoint.head.size == 20852163
    assert checkpoint.head.root.hex().startswith("0ac5186a91863e8e")
    assert checkpoint.note.signed_by([verifier_key(SUMDB)])
    assert str(checkpoint.note) == SUMDB_CHECKPOINT


@pytest.mark.parametrize(
    "head", [HEAD, TreeHead(ORIGIN, 0, EMPTY_ROOT), TreeHead(ORIGIN, 2**63 - 1, HEAD.root)]
)
def test_a_checkpoint_says_what_was_signed(head: TreeHead) -> None:
    checkpoint = parsed_checkpoint(signed_checkpoint(head, [KEY]))
    assert checkpoint.head == head
    assert checkpoint.verify([KEY.verifier]) == (KEY.verifier,)


def test_a_checkpoint_takes_a_signature_of_its_log_though_others_are_trusted_too() -> None:
    witness, unknown = SignerKey.generated("witness.example"), SignerKey.generated("unknown.example")
    trusted = [KEY.verifier, witness.verifier]
    both = parsed_checkpoint(signed_checkpoint(HEAD, [unknown, witness, KEY]))
    assert set(both.verify(trusted)) == set(trusted)
    for signers in ([witness], [unknown], [SignerKey.generated(ORIGIN)]):
        with pytest.raises(NoteRefused, match=ORIGIN):
            parsed_checkpoint(signed_checkpoint(HEAD, signers)).verify(trusted)


def test_the_key_of_another_epoch_does_not_speak_for_this_log() -> None:
    later = SignerKey.generated(f"{ORIGIN}/e2")
    with pytest.raises(NoteRefused):
        parsed_checkpoint(signed_checkpoint(HEAD, [later])).verify([KEY.verifier, later.verifier])


def test_old_and_new_key_sign_together_while_one_replaces_the_other() -> None:
    new = SignerKey.generated(ORIGIN)
    checkpoint = parsed_checkpoint(signed_checkpoint(HEAD, [KEY, new]))
    assert checkpoint.verify([KEY.verifier]) == (KEY.verifier,)
    assert checkpoint.verify([new.verifier]) == (new.verifier,)


def test_lines_after_the_third_are_signed_and_otherwise_nothing() -> None:
    note = signed_note(f"{HEAD.text()}an extension\n", [KEY])
    checkpoint = parsed_checkpoint(note)
    assert checkpoint.head == HEAD
    assert checkpoint.verify([KEY.verifier])
    with pytest.raises(NoteRefused):
        parsed_checkpoint(note.replace("an extension\n", "")).verify([KEY.verifier])


@pytest.mark.parametrize(
    "text",
    [
        "\n",
        f"{ORIGIN}\n",
        f"{ORIGIN}\n3\n",
        HEAD.text().replace(ORIGIN, ""),
        HEAD.text().replace("\n3\n", "\n03\n"),
        HEAD.text().replace("\n3\n", "\n+3\n"),
        HEAD.text().replace("\n3\n", "\n3 \n"),
        HEAD.text().replace("\n3\n", "\n\N{SUPERSCRIPT THREE}\n"),
        HEAD.text().replace("\n3\n", "\n-3\n"),
        HEAD.text().replace("\n3\n", f"\n{10**19}\n"),
        HEAD.text().replace("=", ""),
        HEAD.text().replace("\n3\n", "\n3\nAAAA"),
        HEAD.text() + "\nafter an empty line\n",
        HEAD.text() + "\n",
    ],
)
def test_what_is_no_checkpoint_is_refused_though_it_is_signed(text: str) -> None:
    with pytest.raises(NoteRefused):
        parsed_checkpoint(signed_note(text, [KEY])).verify([KEY.verifier])


@pytest.mark.parametrize(
    "head",
    [TreeHead("two\nlines", 3, HEAD.root), TreeHead(ORIGIN, -1, HEAD.root), TreeHead(ORIGIN, 3, b"short")],
)
def test_a_head_that_nobody_could_read_is_not_signed(head: TreeHead) -> None:
    with pytest.raises(NoteRefused):
        signed_checkpoint(head, [KEY])
