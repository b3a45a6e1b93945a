"""An export, checked as what it says it is: a whole log, or some records of one."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from broker.tlog.note import VerifierKey
from broker.verify.bundles.contents import PROOF_FILES, contents_of
from broker.verify.bundles.selection import Selection
from broker.verify.bundles.whole import BundleLog
from broker.verify.checking import verify
from broker.verify.crew import Crew
from broker.verify.evidence import Evidence, receipts_in
from broker.verify.sources import Unreadable
from broker.verify.verdict import Verdict
from broker.verify.walk import Onlooker


def verify_bundle(
    folder: Path, given: Sequence[VerifierKey], evidence: Evidence, crew: Crew, onlooker: Onlooker
) -> Verdict:
    """The verdict on an export; its own proofs are held against it as well.

    Raises Unreadable, also where a selection is to show what only a whole log can.
    """
    contents = contents_of(folder)
    proofs = tuple(receipts_in(folder / PROOF_FILES)) if (folder / PROOF_FILES).is_dir() else ()
    if contents.manifest.scope == "log":
        everything = replace(evidence, receipts=(*evidence.receipts, *proofs))
        return verify(BundleLog(contents), given, everything, crew, onlooker)
    if evidence.earlier or evidence.receipts:
        raise Unreadable(f"{folder} is a selection, which shows no other state of the log: export all of it")
    return Selection(contents, given).verify(proofs, onlooker)
