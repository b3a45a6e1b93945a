"""What a manifest states, held against the rest of the export."""

from broker.tlog.checkpoint import parsed_checkpoint
from broker.tlog.encoding import to_base64
from broker.tlog.note import NoteRefused
from broker.verify.bundles.contents import Contents, Manifest
from broker.verify.findings import Findings, Kind


def judge_stated(contents: Contents, findings: Findings) -> None:
    """Whether the manifest has the checkpoint that lies beside it, and a scope that fits its query."""
    manifest = contents.manifest
    if manifest.checkpoint != contents.checkpoint:
        findings.add(Kind.FILES, "manifest.json has another checkpoint than the file")
    if (manifest.scope == "log") == bool(manifest.query):
        findings.add(Kind.FILES, "manifest.json has a query that does not fit its scope")
    try:
        head = parsed_checkpoint(contents.checkpoint).head
    except NoteRefused:  # found where the signed head is judged
        return
    stated = manifest.origin, manifest.size, manifest.root
    if stated != (head.origin, head.size, to_base64(head.root)):
        findings.add(Kind.FILES, "manifest.json has another origin, size or root than its checkpoint")


def judge_extent(
    manifest: Manifest, count: int, first: int | None, last: int | None, findings: Findings
) -> None:
    """Whether the manifest says how many records there are, and which are the first and the last."""
    if (manifest.count, manifest.first, manifest.last) != (count, first, last):
        findings.add(
            Kind.FILES,
            f"manifest.json has {manifest.count} records from {manifest.first} to {manifest.last}, "
            f"the export {count} from {first} to {last}",
        )
