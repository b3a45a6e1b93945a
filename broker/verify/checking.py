"""A whole log, checked: every record's bytes, the tree that they give, and what is kept beside them.

What is kept beside the bytes proves nothing, and is held against them: hashes and columns of records, tiles,
the head, state of issuances. What the log itself is held against is what others have: keys from elsewhere,
checkpoints of before, receipts.
"""

from collections.abc import Sequence

from broker.tlog.checkpoint import Checkpoint
from broker.tlog.note import VerifierKey
from broker.verify.beside import judge_kept
from broker.verify.crew import Crew
from broker.verify.evidence import Evidence
from broker.verify.findings import Findings, Kind
from broker.verify.heads import Trust, judge_keys, read_checkpoint
from broker.verify.history import History
from broker.verify.sources import Source
from broker.verify.verdict import Verdict
from broker.verify.walk import Onlooker, Walk
from broker.verify.witnesses import Witnesses


def verify(
    source: Source, given: Sequence[VerifierKey], evidence: Evidence, crew: Crew, onlooker: Onlooker
) -> Verdict:
    """Check all of a log; `given` are keys that the checker has from elsewhere, if any.

    Raises LogUnavailable or Unreadable where it cannot be read.
    """
    findings, trust = Findings(), Trust(tuple(given), tuple(source.keys))
    judge_keys(source.keys, findings)
    head = read_checkpoint(source.head.checkpoint, trust, findings)
    walk = Walk(source, findings)
    walk.go(crew(source.pieces()), onlooker)
    source.look_around(findings)
    judge_kept(source, walk, findings)
    history = History(source.keys)
    history.judge(walk.marks, findings)
    if head is not None:
        _judge_head(source, head, walk, findings)
        Witnesses(source, walk.tree, trust, findings, history.ended).hold_head(head)
    Witnesses(source, walk.tree, trust.with_own(), findings, history.ended).hold(evidence)
    return _verdict(trust, head, walk, evidence, findings)


def _judge_head(source: Source, checkpoint: Checkpoint, walk: Walk, findings: Findings) -> None:
    kept, signed = source.head, checkpoint.head
    if walk.tree.size > signed.size:
        findings.add(Kind.RECORD, "stands beyond the signed head", signed.size)
    if (kept.size, kept.origin) != (signed.size, signed.origin):
        findings.add(
            Kind.TREE,
            f"the head is of {kept.size} records of {kept.origin}, "
            f"its checkpoint of {signed.size} of {signed.origin}",
        )


def _verdict(
    trust: Trust,
    head: Checkpoint | None,
    walk: Walk,
    evidence: Evidence,
    findings: Findings,
) -> Verdict:
    return Verdict(
        head=None if head is None else head.head,
        signers=() if head is None else tuple(key.id for key in trust.verify(head)),
        independent=trust.independent,
        findings=findings.firsts(),
        wrong={kind.value: count for kind, count in findings.counts.items()},
        told=dict(walk.told),
        checked={
            "records": walk.tree.size,
            "attempts": walk.outcomes,
            "open_attempts": len(walk.pairing.open),
            "checkpoints": len(evidence.earlier),
            "receipts": len(evidence.receipts),
        },
    )
