"""An export of a whole log, for the verification: records, and the tree as tiles beside them."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from broker.store.published import PublishedKey
from broker.tlog.tiles import TILE_WIDTH, Bundle, Tile, bundled
from broker.verify.bundles.contents import RECORDS, Contents, FileFacts
from broker.verify.bundles.files import facts_of, judge_files, unlike
from broker.verify.bundles.lines import Lines, Stretch, lines_of
from broker.verify.bundles.stating import judge_extent, judge_stated
from broker.verify.findings import Findings, Kind
from broker.verify.sources import ClaimedHead, Piece, Row, Tables, Totals

PIECE = 32 * TILE_WIDTH


@dataclass(frozen=True, slots=True)
class BundlePiece:
    """Lines of records.jsonl, and the tiles of level 0 and the bundles of entries that are about them."""

    folder: Path
    stretch: Stretch
    size: int
    stated: Mapping[str, FileFacts]

    @property
    def first(self) -> int:
        """See `sources.Piece`."""
        return self.stretch.first

    @property
    def end(self) -> int:
        """See `sources.Piece`."""
        return self.stretch.end

    def rows(self) -> Iterator[Row]:
        """See `sources.Piece`."""
        return ((line,) for line in self._lines())

    def tiles(self) -> Mapping[int, bytes]:
        """See `sources.Piece`: the last one as well, full or not."""
        return {index: _read(self.folder / Tile(0, index, width).path) for index, width in self._tiles()}

    def doubtful(self) -> Sequence[str]:
        """See `sources.Piece`."""
        return ()

    def look_around(self, findings: Findings) -> None:
        """See `sources.Piece`: entries must be the lines, and each file that of the manifest."""
        lines = self._lines()
        for index, width in self._tiles():
            bundle, tile = Bundle(index, width).path, Tile(0, index, width).path
            start = index * TILE_WIDTH - self.first
            _judge_entries(
                bundle, _read(self.folder / bundle), lines[start : start + TILE_WIDTH], index, findings
            )
            for name in (bundle, tile):
                if (self.folder / name).is_file() and (
                    wrong := unlike(self.stated.get(name), facts_of(self.folder / name))
                ):
                    findings.add(Kind.FILES, f"{name} {wrong}")

    def _tiles(self) -> Iterator[tuple[int, int]]:
        """Those that a log of this size has here: index and width."""
        for first in range(self.first, min(self.end, self.size), TILE_WIDTH):
            yield first // TILE_WIDTH, min(self.size - first, TILE_WIDTH)

    def _lines(self) -> list[bytes]:
        return lines_of(self.folder / RECORDS, self.stretch)


class BundleLog:
    """The log that an export holds. Every method raises Unreadable."""

    def __init__(self, contents: Contents) -> None:
        self._contents = contents
        self._folder = contents.folder
        self._own = Findings()
        self._lines = Lines(self._folder / RECORDS, self._own)

    @property
    def head(self) -> ClaimedHead:
        """See `sources.Source`."""
        manifest = self._contents.manifest
        return ClaimedHead(manifest.size, self._contents.checkpoint, manifest.origin, None)

    @property
    def keys(self) -> Sequence[PublishedKey]:
        """See `sources.Source`."""
        return self._contents.keys

    def pieces(self) -> Iterator[Piece]:
        """See `sources.Source`."""
        stated = self._contents.manifest.files
        for stretch in self._lines.stretches(PIECE):
            names = _about(stretch, self.head.size)
            about = {name: stated[name] for name in names if name in stated}
            yield BundlePiece(self._folder, stretch, self.head.size, about)

    def leaves(self, first: int, end: int) -> Mapping[int, object]:
        """See `sources.Source`."""
        stretch = self._lines.tile(first // TILE_WIDTH)
        lines = lines_of(self._folder / RECORDS, stretch)
        return {index: line for index, line in enumerate(lines, stretch.first) if first <= index < end}

    def tile(self, level: int, index: int) -> bytes:
        """See `sources.Source`."""
        width = min((self.head.size >> 8 * level) - index * TILE_WIDTH, TILE_WIDTH)
        return _read(self._folder / Tile(level, index, width).path) if width > 0 else b""

    def look_around(self, findings: Findings) -> None:
        """See `sources.Source`: the manifest, and the files that no piece is about."""
        manifest = self._contents.manifest
        findings.merge(self._own)
        judge_stated(self._contents, findings)
        last = self._lines.count - 1 if self._lines.count else None
        judge_extent(manifest, self._lines.count, None if last is None else 0, last, findings)
        if wrong := unlike(manifest.files.get(RECORDS), self._lines.facts()):
            findings.add(Kind.FILES, f"{RECORDS} {wrong}")
        everything = Stretch(0, min(self._lines.count, manifest.size), 0, 0)
        judge_files(self._folder, manifest.files, {RECORDS, *_about(everything, manifest.size)}, findings)

    def totals(self) -> Totals | None:
        """See `sources.Source`."""
        return None

    def records_of(self, issuance: str) -> Sequence[tuple[int, bytes]]:  # noqa: ARG002 - nothing is kept beside
        """See `sources.Source`."""
        return ()

    def tables_of(self, issuance: str) -> Tables:  # noqa: ARG002 - nothing is kept beside
        """See `sources.Source`."""
        return Tables((), ())


def _about(stretch: Stretch, size: int) -> Iterator[str]:
    """The files that a piece of this stretch looks at."""
    for first in range(stretch.first, min(stretch.end, size), TILE_WIDTH):
        index, width = first // TILE_WIDTH, min(size - first, TILE_WIDTH)
        yield Tile(0, index, width).path
        yield Bundle(index, width).path


def _judge_entries(name: str, kept: bytes, lines: Sequence[bytes], tile: int, findings: Findings) -> None:
    if kept == bundled(lines):
        return
    at = 0
    for index, line in enumerate(lines, tile * TILE_WIDTH):
        entry = bundled([line])
        if kept[at : at + len(entry)] != entry:
            findings.add(Kind.RECORD, f"is another in {name}, at byte {at}, than in {RECORDS}", index)
            return
        at += len(entry)
    findings.add(Kind.FILES, f"{name} goes on at byte {at} after its last record")


def _read(file: Path) -> bytes:
    """A small file; empty where there is none, which is found when all files are looked at."""
    try:
        return file.read_bytes()
    except OSError:
        return b""
