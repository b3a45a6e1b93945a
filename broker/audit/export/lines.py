"""The records themselves, a line each."""

from broker.audit.export.entry import Entry, damaged
from broker.audit.export.folder import NewFolder

NAME = "records.jsonl"


class RecordLines:
    """`records.jsonl`: the bytes that are hashed, each with a newline after it."""

    def __init__(self, folder: NewFolder) -> None:
        self._folder = folder
        self._file = folder.grow(NAME)

    def add(self, entry: Entry) -> None:
        """Write its line. Raises LogUnavailable for one that would not be one line."""
        if b"\n" in entry.content:
            raise damaged(entry.index, "is more than one line")
        self._file.write(entry.content + b"\n")

    def finish(self) -> None:
        """End the file."""
        self._folder.finish(NAME)
