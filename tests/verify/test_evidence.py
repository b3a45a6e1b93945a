"""What others kept of a log shows what the log cannot: that its end was cut off, or its past rewritten."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from broker.tlog.checkpoint import TreeHead, parsed_checkpoint
from broker.tlog.encoding import to_base64
from broker.tlog.merkle import inclusion_path, leaf_hash
from broker.tlog.note import SignerKey
from broker.tlog.proof import Proof
from broker.verify.evidence import Evidence, checkpoints_in, receipts_in
from broker.verify.sources import Unreadable
from tests.support.log_keys import LOG_KEYS, HeldKeys
from tests.support.rewriting import checkpoint_over, cut, leaves_of, rewritten
from tests.support.trees import reader_of
from tests.support.verifying import damaged, first_of, kinds_of, verdict_on


def checkpoints(file: Path, *notes: str) -> Evidence:
    file.write_text("".join(notes))
    return Evidence(earlier=tuple(checkpoints_in(file)))


def receipt(leaves: Sequence[bytes], index: int, size: int) -> dict[str, object]:
    """As an answer has it, for the record at the index when the log had so many."""
    path = inclusion_path(index, size, reader_of(leaves[:size]))
    return {
        "index": index,
        "leaf_hash": leaf_hash(leaves[index]).hex(),
        "checkpoint": checkpoint_over(leaves[:size]),
        "proof": [to_base64(step) for step in path],
    }


def receipts(folder: Path, *told: dict[str, object]) -> Evidence:
    folder.mkdir(exist_ok=True)
    for number, one in enumerate(told):
        (folder / f"{number}.json").write_text(json.dumps(one))
    return Evidence(receipts=tuple(receipts_in(folder)))


def test_every_checkpoint_of_before_is_continued(copy: Path, tmp_path: Path) -> None:
    leaves = leaves_of(copy)
    notes = [checkpoint_over(leaves[:size]) for size in (0, 1, 2, 255, 256, 257, 511, 512, len(leaves))]
    verdict = verdict_on(copy, evidence=checkpoints(tmp_path / "kept", *notes, *notes[:3]))
    assert (verdict.findings, verdict.checked["checkpoints"]) == ((), 9)


def test_checkpoints_are_found_in_lines_of_a_log_too(copy: Path, tmp_path: Path) -> None:
    note = checkpoint_over(leaves_of(copy)[:100])
    lines = [json.dumps({"event": "checkpoint", "checkpoint": note}), "other text", "{no JSON"]
    assert (
        verdict_on(copy, evidence=checkpoints(tmp_path / "log", "\n".join(lines))).checked["checkpoints"] == 1
    )


def test_receipts_and_proofs_that_stand_alone_are_held_against_the_log(copy: Path, tmp_path: Path) -> None:
    leaves = leaves_of(copy)
    told = receipt(leaves, 300, 400)
    proof = Proof(
        5, inclusion_path(5, 9, reader_of(leaves[:9])), parsed_checkpoint(checkpoint_over(leaves[:9]))
    )
    (tmp_path / "kept").mkdir()
    (tmp_path / "kept" / "5.tlog-proof").write_text(str(proof))
    evidence = receipts(tmp_path / "kept", told, {"session_id": "gone", "receipt": receipt(leaves, 0, 1)})
    verdict = verdict_on(copy, evidence=evidence)
    assert (verdict.findings, verdict.checked["receipts"]) == ((), 3)


def test_an_end_that_was_cut_off_with_the_true_key_is_found_by_what_others_kept(
    copy: Path, tmp_path: Path
) -> None:
    leaves = leaves_of(copy)
    cut(copy, 2)
    assert verdict_on(copy, LOG_KEYS.verifiers()).good, "nothing that the log itself holds shows it"
    told = verdict_on(copy, evidence=checkpoints(tmp_path / "kept", checkpoint_over(leaves)))
    assert first_of(told) == ("earlier", None)
    assert f"here are {len(leaves) - 2}: 2 records cut off" in str(told.findings[0])
    kept = receipts(tmp_path / "receipts", receipt(leaves, len(leaves) - 1, len(leaves)))
    assert first_of(verdict_on(copy, evidence=kept)) == ("receipts", None)


REWRITINGS: dict[str, Callable[[list[bytes]], object]] = {
    "a record in the middle deleted, the others renumbered": lambda found: found.pop(40),
    "two records swapped": lambda found: found.insert(41, found.pop(40)),
    "one record twice": lambda found: found.insert(41, found[40]),
    "one record altered": lambda found: found.insert(40, found.pop(40).replace(b'"app":"', b'"app":"x')),
}


@pytest.mark.parametrize("how", REWRITINGS)
def test_a_log_that_was_rewritten_does_not_have_the_root_that_was_signed(copy: Path, how: str) -> None:
    leaves = leaves_of(copy)
    REWRITINGS[how](leaves)
    rewritten(copy, leaves, signed=False)
    assert "tree" in dict(kinds_of(verdict_on(copy)))


@pytest.mark.parametrize("how", REWRITINGS)
def test_a_log_that_was_rewritten_and_signed_anew_is_not_the_one_that_others_knew(
    copy: Path, tmp_path: Path, how: str
) -> None:
    before = leaves_of(copy)
    evidence = checkpoints(tmp_path / "kept", checkpoint_over(before[:100]))
    kept = receipts(tmp_path / "receipts", receipt(before, 50, 60))
    leaves = list(before)
    REWRITINGS[how](leaves)
    rewritten(copy, leaves, signed=True)
    assert "tree" not in dict(kinds_of(verdict_on(copy)))
    assert "earlier" in dict(kinds_of(verdict_on(copy, evidence=evidence)))
    assert "receipts" in dict(kinds_of(verdict_on(copy, evidence=kept)))


def test_two_trees_of_one_size_are_found_by_comparing_their_checkpoints(copy: Path, tmp_path: Path) -> None:
    other = leaves_of(copy)
    other[-1] = other[-1].replace(b"r1", b"r2")
    told = verdict_on(copy, evidence=checkpoints(tmp_path / "kept", checkpoint_over(other)))
    assert first_of(told) == ("earlier", None)
    assert "another root" in str(told.findings[0])


def test_an_old_checkpoint_in_place_of_the_newest_does_not_fit(copy: Path) -> None:
    note = checkpoint_over(leaves_of(copy)[:-2])
    damaged(copy, f"UPDATE head SET checkpoint = '{note}'")
    assert first_of(verdict_on(copy))[0] in {"tree", "record"}


def test_what_somebody_else_signed_says_nothing_about_the_log_and_is_told(copy: Path, tmp_path: Path) -> None:
    stranger = SignerKey.generated("elsewhere/audit")
    note = HeldKeys((stranger,)).sign(TreeHead("elsewhere/audit", 5, bytes(32)), [stranger.verifier.id])
    told = verdict_on(copy, evidence=checkpoints(tmp_path / "kept", note))
    assert first_of(told) == ("earlier", None)
    assert "no key" in str(told.findings[0])


@pytest.mark.parametrize("content", ["", "no checkpoint", '{"checkpoint": 5}'])
def test_a_file_without_checkpoints_is_refused(tmp_path: Path, content: str) -> None:
    file = tmp_path / "kept"
    file.write_text(content)
    with pytest.raises(Unreadable, match="no checkpoint"):
        list(checkpoints_in(file))


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"index": "0"}'])
def test_what_is_no_receipt_is_refused(tmp_path: Path, content: str) -> None:
    (tmp_path / "receipt.json").write_text(content)
    with pytest.raises(Unreadable, match="no receipt"):
        list(receipts_in(tmp_path))
