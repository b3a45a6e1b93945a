"""An export, from the signed head to the record that it was made."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from broker.audit.export.filling import Filling, Onlooker
from broker.audit.export.folder import NewFolder
from broker.audit.export.manifest import Description, as_json
from broker.audit.export.selection import Extra, Selection
from broker.errors import LogUnavailable
from broker.model.record import Event, Record
from broker.ports.clock import Clock
from broker.ports.operation import SystemLog
from broker.store.published import PublishedTree
from broker.store.times import iso, ms
from broker.tlog.checkpoint import Checkpoint, parsed_checkpoint
from broker.tlog.note import NoteRefused, verifier_key


@dataclass(frozen=True, slots=True)
class Exported:
    """What was exported, and the SHA-256 of its manifest in hexadecimal: the one of its record."""

    what: Description
    manifest_sha256: str


class Exporter:
    """Exports of one log. `programs`, files by name, go with each: what checks it on another machine."""

    def __init__(
        self, tree: PublishedTree, journal: SystemLog, clock: Clock, programs: Mapping[str, bytes]
    ) -> None:
        self._tree = tree
        self._journal = journal
        self._clock = clock
        self._programs = programs

    def size(self) -> int:
        """How many records the signed head has. Raises LogUnavailable."""
        return self._signed_head().head.size

    def export(
        self, target: Path, selection: Selection, extras: frozenset[Extra], by: str, onlooker: Onlooker
    ) -> Exported:
        """Write the records to a folder that does not exist yet; it appears once that is on record.

        Raises FileExists, FileRefused, and LogUnavailable, also where what is stored does not lead to the
        signed head: what does not verify is not handed out.
        """
        checkpoint = self._signed_head()
        with NewFolder(target) as folder:
            extent = Filling(folder, checkpoint, self._tree.node_reader(), onlooker).fill(selection, extras)
            self._add_what_checks_it(folder, checkpoint)
            at = iso(ms(self._clock.now()))
            made = Description(selection.query, at, by, extent, checkpoint)
            manifest = folder.put("manifest.json", made.manifest(folder.written))
            self._journal.append([_record(made, manifest.sha256)])
            folder.publish()
        return Exported(made, manifest.sha256)

    def _signed_head(self) -> Checkpoint:
        try:
            checkpoint = parsed_checkpoint(self._tree.checkpoint())
            size = checkpoint.head.size
            keys = [verifier_key(key.key) for key in self._tree.public_keys() if key.signs(size)]
            checkpoint.verify(keys)
        except NoteRefused as refused:
            raise LogUnavailable(f"the log's signed head: {refused}; run: broker audit verify") from None
        return checkpoint

    def _add_what_checks_it(self, folder: NewFolder, checkpoint: Checkpoint) -> None:
        folder.put("checkpoint", str(checkpoint.note).encode())
        folder.put("keys.json", as_json({"keys": [asdict(key) for key in self._tree.public_keys()]}))
        for name, program in self._programs.items():
            folder.put(name, program)


def _record(made: Description, manifest_sha256: str) -> Record:
    return Record(
        Event.AUDIT_EXPORTED,
        {
            "query": dict(made.query),
            "count": made.extent.count,
            "first_index": made.extent.first,
            "last_index": made.extent.last,
            "tree_size": made.checkpoint.head.size,
            "manifest_sha256": manifest_sha256,
            "by": made.by,
        },
    )
