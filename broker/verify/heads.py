"""Signed heads, and by whose word their keys are the log's."""

from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass

from broker.store.published import PublishedKey
from broker.tlog.checkpoint import Checkpoint, parsed_checkpoint
from broker.tlog.note import NoteRefused, VerifierKey, verifier_key
from broker.verify.findings import Findings, Kind


@dataclass(frozen=True, slots=True)
class Trust:
    """Keys that sign the log's heads: those that the checker has from elsewhere, or else the log's own."""

    given: tuple[VerifierKey, ...]
    own: tuple[PublishedKey, ...]

    @property
    def independent(self) -> bool:
        """Whether a good signature says more than that the log agrees with itself."""
        return bool(self.given)

    def with_own(self) -> "Trust":
        """For what was signed long ago: the checker need not have every key that the log had since.

        Nor do sizes bound a key here: what it signed beyond its end is what a log lost, or what was forged.
        """
        return Trust((*self.given, *_parsed(self.own)), ())

    def verify(self, checkpoint: Checkpoint) -> tuple[VerifierKey, ...]:
        """The trusted keys that signed it, of those that may sign a head of its size.

        Raises NoteRefused where none did, or one wrongly.
        """
        head, stated = checkpoint.head, {key.key: key for key in self.own}
        trusted = self.given or _parsed(key for key in self.own if key.signs(head.size))
        signers = checkpoint.verify(trusted)
        for signer in signers:
            known = stated.get(str(signer))
            if known is not None and not known.signs(head.size):
                raise NoteRefused(f"the key {signer.id} signs no head of {head.size} records")
        return signers


def judge_keys(keys: Sequence[PublishedKey], findings: Findings) -> None:
    """Whether each of the log's own keys is one, under its own id and name."""
    for key in keys:
        try:
            parsed = verifier_key(key.key)
        except NoteRefused as refused:
            findings.add(Kind.KEYS, f"the log's key {key.key_id}: {refused}")
            continue
        if (parsed.id, parsed.name) != (key.key_id, key.origin):
            findings.add(Kind.KEYS, f"the log's key {key.key_id} is {parsed.id} of {parsed.name}")
        if key.until_size is not None and key.until_size < key.from_size:
            findings.add(Kind.KEYS, f"the log's key {key.key_id} ends before it begins")


def read_checkpoint(note: str, trust: Trust, findings: Findings) -> Checkpoint | None:
    """The log's own signed head, once it is well signed; else a finding."""
    try:
        checkpoint = parsed_checkpoint(note)
        trust.verify(checkpoint)
    except NoteRefused as refused:
        findings.add(Kind.CHECKPOINT, f"the signed head: {refused}")
        return None
    return checkpoint


def _parsed(keys: Iterable[PublishedKey]) -> tuple[VerifierKey, ...]:
    """Those that are keys; `judge_keys` finds the others."""
    found = []
    for key in keys:
        with suppress(NoteRefused):
            found.append(verifier_key(key.key))
    return tuple(found)
