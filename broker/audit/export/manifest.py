"""What says of an export what it is: `manifest.json`."""

import json
from collections.abc import Mapping
from dataclasses import dataclass

from broker import __version__
from broker.audit.export.folder import Written
from broker.tlog.checkpoint import Checkpoint
from broker.tlog.encoding import to_base64

FORMAT = "cim-ticket-broker/audit-export/1"


@dataclass(frozen=True, slots=True)
class Extent:
    """Which records were exported; `first` and `last` are None for none."""

    count: int
    first: int | None
    last: int | None


@dataclass(frozen=True, slots=True)
class Description:
    """What an export is; its files apart."""

    query: Mapping[str, str]
    at: str
    by: str
    extent: Extent
    checkpoint: Checkpoint

    @property
    def scope(self) -> str:
        """`log` for all of it, else `selection`."""
        return "selection" if self.query else "log"

    def manifest(self, files: Mapping[str, Written]) -> bytes:
        """The content of `manifest.json`."""
        head = self.checkpoint.head
        return as_json(
            {
                "format": FORMAT,
                "generator": {"name": "cim-ticket-broker", "version": __version__},
                "exported_at": self.at,
                "exported_by": self.by,
                "scope": self.scope,
                "query": dict(self.query),
                "count": self.extent.count,
                "first": self.extent.first,
                "last": self.extent.last,
                "origin": head.origin,
                "size": head.size,
                "root": to_base64(head.root),
                "checkpoint": str(self.checkpoint.note),
                "files": {name: {"bytes": w.size, "sha256": w.sha256} for name, w in files.items()},
            }
        )


def as_json(value: object) -> bytes:
    """A JSON document for people to read too."""
    return json.dumps(value, indent=1, ensure_ascii=False).encode() + b"\n"
