"""`records.jsonl`, read once from its beginning to its end: where each record stands, and if it is whole."""

import hashlib
from array import array
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from broker.tlog.tiles import MAX_ENTRY_BYTES, TILE_WIDTH
from broker.verify.bundles.contents import FileFacts
from broker.verify.findings import Findings, Kind
from broker.verify.sources import Unreadable


@dataclass(frozen=True, slots=True)
class Stretch:
    """Some lines in a row: the index of the first, that after the last, and their bytes in the file."""

    first: int
    end: int
    start: int
    length: int


class Lines:
    """The lines of the file. `facts` are there once all were read."""

    def __init__(self, file: Path, findings: Findings) -> None:
        self._file = file
        self._findings = findings
        self._digest = hashlib.sha256()
        self._size = 0
        self._tiles = array("Q")
        """Where the first record of each tile begins."""
        self.count = 0

    def stretches(self, width: int) -> Iterator[Stretch]:
        """All of it, `width` lines at a time. What comes after a line that is cut is not looked at."""
        first, start = 0, 0
        for at in self._read():
            if self.count % width == 0:
                yield Stretch(first, self.count, start, at - start)
                first, start = self.count, at
        if self.count > first:
            yield Stretch(first, self.count, start, self._end - start)

    def facts(self) -> FileFacts:
        """What the file holds."""
        return FileFacts(bytes=self._size, sha256=self._digest.hexdigest())

    def tile(self, index: int) -> Stretch:
        """Where the records of a tile stand."""
        start = self._tiles[index]
        end = self._tiles[index + 1] if index + 1 < len(self._tiles) else self._end
        first = index * TILE_WIDTH
        return Stretch(first, min(first + TILE_WIDTH, self.count), start, end - start)

    def _read(self) -> Iterator[int]:
        """After each record, where it ends."""
        self._end, whole = 0, True
        for line in self._bytes():
            if whole and len(line) <= MAX_ENTRY_BYTES + 1 and line.endswith(b"\n"):
                if self.count % TILE_WIDTH == 0:
                    self._tiles.append(self._end)
                self.count += 1
                self._end += len(line)
                yield self._end
            elif whole:
                whole = False
                what = f"is cut off, or none: byte {self._end} of records.jsonl begins what is no line of one"
                self._findings.add(Kind.RECORD, what, self.count)

    def _bytes(self) -> Iterator[bytes]:
        try:
            with self._file.open("rb", buffering=1 << 20) as file:
                for line in iter(partial(file.readline, MAX_ENTRY_BYTES + 2), b""):
                    self._digest.update(line)
                    self._size += len(line)
                    yield line
        except OSError as error:
            raise Unreadable(f"{self._file}: {error.strerror}") from None


def lines_of(file: Path, stretch: Stretch) -> list[bytes]:
    """The records of a stretch. Raises Unreadable."""
    try:
        with file.open("rb") as content:
            content.seek(stretch.start)
            return content.read(stretch.length).split(b"\n")[:-1]
    except OSError as error:
        raise Unreadable(f"{file}: {error.strerror}") from None
