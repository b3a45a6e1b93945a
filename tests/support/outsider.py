"""Other people's implementations of transparency logs, as programs (tests/outsiders, in Go)."""

import json
import subprocess
from base64 import b64decode
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.support.tools import require_tool


@dataclass(frozen=True, slots=True)
class OutsidersTree:
    """A tree over the leaves "0", "1", ... as golang.org/x/mod/sumdb/tlog has it."""

    size: int
    root: bytes
    inclusion: tuple[tuple[bytes, ...], ...]
    consistency: tuple[tuple[bytes, ...], ...]


def outsiders_trees(largest: int) -> Iterator[OutsidersTree]:
    """The trees of one leaf, of two, up to `largest`.

    With the proofs of all leaves, and for all older trees from that of one leaf on.
    """
    return map(_tree, _run("tree", str(largest)).splitlines())


def outsiders_proofs(size: int, indexes: Sequence[int]) -> OutsidersTree:
    """One tree, with the proofs of these leaves, and for the older trees of these sizes."""
    return _tree(_run("proofs", str(size), *map(str, indexes)))


def outsiders_text(note: str, key: str) -> str:
    """The text that golang.org/x/mod/sumdb/note finds signed by the key. Fails where it refuses the note."""
    return _run("note", key, given=note)


def outsiders_index(proof: str, key: str, origin: str, leaf: str) -> int:
    """The index that transparency-dev's packages find proved for this leaf. Fails where they refuse."""
    return int(_run("proof", key, origin, leaf, given=proof))


def _tree(line: str) -> OutsidersTree:
    tree = json.loads(line)
    inclusion, consistency = _paths(tree["inclusion"]), _paths(tree["consistency"])
    return OutsidersTree(tree["size"], b64decode(tree["root"]), inclusion, consistency)


def _run(*arguments: str, given: str = "") -> str:
    return subprocess.run(
        [require_tool("outsider"), *arguments], input=given, capture_output=True, text=True, check=True
    ).stdout


def _paths(encoded: list[list[str]]) -> tuple[tuple[bytes, ...], ...]:
    return tuple(tuple(map(b64decode, path)) for path in encoded)


def outsiders_check(log: Path, key: str, scratch: Path) -> str:
    """What Tessera's fsck says of a tiled log in a folder: at its end whether it is whole."""
    public = scratch / "log.pub"
    public.write_text(key)
    # with a single worker it waits for ever once that one has found something
    options = ("-storage_url", f"{log.as_uri()}/", "-public_key", public, "-ui=false", "-logtostderr", "-N=4")
    return subprocess.run([require_tool("fsck"), *options], capture_output=True, text=True, check=True).stderr
