"""Check an export of a cim-ticket-broker audit log, with Python 3.9 or newer and `cryptography` alone.

    python3 verify.py FOLDER [--key VKEY]... [--against FILE]... [--receipts FOLDER]...

Take this file, and the log's public key for --key, from elsewhere than from the export: whoever can change
the one can change the other. Without --key the keys in the export are believed. It ends with 0 where all is
well, 8 where something is wrong, 1 where the export cannot be read, 2 for wrong usage.

docs/audit-export.md of the broker says what an export holds; the standards are RFC 6962 (the tree) and those
of c2sp.org: signed-note, tlog-checkpoint, tlog-tiles, tlog-proof. No line is the broker's: a second opinion.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import json
import re
import sys
from collections.abc import Iterable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

FORMAT = "cim-ticket-broker/audit-export/1"
STATED = "checkpoint count exported_at exported_by files first generator last origin query root scope size"
ENVELOPE = ["boot", "code", "event", "fields", "id", "node", "ts", "v"]
INTENT, ISSUED, LATE, ENDS = "T100I", "T101I", "T105W", {"T101I", "T102E", "T103E", "T104W"}
LEFT_S = 3660  # so long after its deadline an attempt without outcome is wrong
LONGEST = 0xFFFF  # bytes of a record, by tlog-tiles
NOTE = re.compile(r"(?:(?!— )[^\n]+\n){3,}\n(?:— [^\n]+\n)+")


class Refused(Exception):
    """A text that is no key, checkpoint or proof, or one that does not hold."""


class Findings(list[tuple[float, str]]):
    """What is wrong, to be sorted by the index of the record that it is about."""

    def add(self, what: str, index: int | None = None) -> None:
        self.append((float("inf"), what) if index is None else (index, f"record {index} {what}"))


# The tree: RFC 6962, 2.1
def leaf_hash(record: bytes) -> bytes:
    return hashlib.sha256(b"\0" + record).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\1" + left + right).digest()


class Tree:
    """Grows leaf by leaf. `peaks` are its perfect subtrees as (height, hash), the largest first."""

    def __init__(self, leaves: Iterable[bytes] = ()) -> None:
        self.size = 0
        self.peaks: list[tuple[int, bytes]] = []
        for leaf in leaves:
            self.add(leaf)

    def add(self, leaf: bytes) -> None:
        height = 0
        while self.peaks and self.peaks[-1][0] == height:
            leaf = node_hash(self.peaks.pop()[1], leaf)
            height += 1
        self.peaks.append((height, leaf))
        self.size += 1

    def root(self) -> bytes:
        root = self.peaks[-1][1] if self.peaks else hashlib.sha256().digest()
        for _, peak in reversed(self.peaks[:-1]):
            root = node_hash(peak, root)
        return root


def root_by(index: int, size: int, leaf: bytes, path: list[bytes]) -> bytes:
    """Where an inclusion path leads: PATH(m, D[n]) of the RFC, read from its end. Raises Refused."""
    if not 0 <= index < size or (size == 1) == bool(path):
        raise Refused("a path that does not fit its index and size")
    if size == 1:
        return leaf
    half = 1 << ((size - 1).bit_length() - 1)
    if index < half:
        return node_hash(root_by(index, half, leaf, path[:-1]), path[-1])
    return node_hash(path[-1], root_by(index - half, size - half, leaf, path[:-1]))


# Keys and checkpoints: signed-note, tlog-checkpoint
def from_base64(text: str) -> bytes:
    """The bytes. Raises ValueError for what is not written in the one way that there is."""
    value = base64.b64decode(text, validate=True)
    if base64.b64encode(value).decode() != text:
        raise ValueError("not base64 in its one form")
    return value


class Key:
    """A public key, `name+id+base64`, and the sizes of the trees whose heads it may sign."""

    def __init__(self, text: str, first: int = 0, last: int | None = None) -> None:
        try:
            self.name, self.id, encoded = text.split("+", 2)
            value = from_base64(encoded)
        except ValueError:
            raise Refused(f"not a key: {text}") from None
        found = hashlib.sha256(self.name.encode() + b"\n" + value).hexdigest()[:8]
        if value[:1] != b"\1" or len(value) != 33 or found != self.id:
            raise Refused(f"not the Ed25519 key that it calls itself: {text}")
        self.public = Ed25519PublicKey.from_public_bytes(value[1:])
        self.text, self.first, self.last = text, first, float("inf") if last is None else last


class Checkpoint:
    """A log's origin, size and root, and their signatures. Raises Refused for what is none."""

    def __init__(self, note: str) -> None:
        text, _, lines = note.rpartition("\n\n")
        try:
            self.origin, size, root, *_ = text.split("\n")
            self.root = from_base64(root)
            parts = [line.split(" ") for line in lines.split("\n")]
            self.signatures = [(name, from_base64(value)) for _, name, value in parts[:-1]]
        except ValueError:
            raise Refused("not a checkpoint") from None
        whole = re.fullmatch("0|[1-9][0-9]{0,18}", size) and all(part[0] == "—" for part in parts[:-1])
        if not whole or parts[-1] != [""] or len(self.root) != 32:
            raise Refused("not a checkpoint")
        self.note, self.text, self.size = note, f"{text}\n".encode(), int(size)

    def verify(self, keys: Iterable[Key]) -> None:
        """Raises Refused where none of the keys signed it that has its origin's name, or one wrongly."""
        signed = False
        for key in keys:
            theirs = [v[4:] for name, v in self.signatures if (name, v[:4].hex()) == (key.name, key.id)]
            for signature in theirs:
                try:
                    key.public.verify(signature, self.text)
                except InvalidSignature:
                    raise Refused(f"the signature of {key.id} is wrong") from None
            signed |= bool(theirs) and key.name == self.origin and key.first <= self.size <= key.last
        if not signed:
            raise Refused(f"signed by no key of {self.origin} that is trusted for {self.size} records")

    def proves(self, index: int, leaf: bytes, path: list[bytes]) -> bool:
        try:
            return root_by(index, self.size, leaf, path) == self.root
        except Refused:
            return False


# What others kept: checkpoints of before, and receipts
class Kept:
    """A checkpoint that somebody kept; a receipt is one with a record's index, path and perhaps hash."""

    def __init__(self, where: str, told: dict[str, Any]) -> None:
        self.where, self.checkpoint = where, Checkpoint(told["checkpoint"])
        self.index, self.leaf, self.issuance = told.get("index"), told.get("leaf_hash"), told.get("issuance")
        self.path = [from_base64(step) for step in told.get("proof", [])]

    def judge(
        self, roots: dict[int, bytes], records: dict[int, bytes], size: int, findings: Findings
    ) -> None:
        head, record = self.checkpoint, records.get(self.index or 0, b"{}")
        leaf = leaf_hash(record)
        fits = self.leaf in {None, leaf.hex()} and head.proves(self.index or 0, leaf, self.path)
        if head.size > size:
            findings.add(f"{self.where} is of {head.size} records: {head.size - size} are cut off")
        elif roots[head.size] != head.root:
            findings.add(f"{self.where} has another root than the first {head.size} records")
        elif self.index is not None and not fits:
            findings.add(f"{self.where} is no receipt of record {self.index} as it stands here")
        elif self.issuance:
            told = json.loads(record)
            if (told["code"], told["fields"].get("issuance")) != (ISSUED, self.issuance):
                findings.add(f"{self.where}: record {self.index} is not the issuing of {self.issuance}")


def kept_by(options: argparse.Namespace) -> Iterator[Kept]:
    """All of it, from the files that are named and from the export's own `proofs`."""
    for file in options.against:
        text = file.read_text(encoding="utf-8")
        notes = NOTE.findall(text)
        notes += [json.loads(line).get("checkpoint", "") for line in text.split("\n") if line[:1] == "{"]
        if not any(notes):
            raise Refused(f"{file} holds no checkpoint")
        yield from (Kept(f"a checkpoint of {file}", {"checkpoint": n}) for n in dict.fromkeys(notes) if n)
    own = options.folder / "proofs"
    for folder in [*options.receipts, *([own] if own.is_dir() else [])]:
        if not (files := sorted(folder.iterdir())) and folder != own:
            raise Refused(f"{folder} holds no receipt")
        for file in files:
            text = file.read_text(encoding="utf-8")
            if file.suffix == ".tlog-proof":
                proof, _, note = text.partition("\n\n")
                _, index, *path = (line for line in proof.split("\n") if not line.startswith("extra "))
                told = {"checkpoint": note, "index": int(index[len("index ") :]), "proof": path}
            else:
                told = json.loads(text)
            yield Kept(str(file), {**told.get("receipt", told), "issuance": told.get("issuance")})


# Records
def lines_of(file: Path, findings: Findings) -> Iterator[bytes]:
    """Its lines without their newlines. One that is cut off is found, by its number and where it begins."""
    at = number = 0
    with file.open("rb") as content:
        for line in iter(lambda: content.readline(LONGEST + 2), b""):
            if not line.endswith(b"\n"):
                findings.add(f"is cut off: at byte {at} of {file.name} begins what is no line", number)
                return
            yield line[:-1]
            at, number = at + len(line), number + 1


def in_order(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """A JSON object whose keys stand in their order, each once. Raises ValueError for another."""
    found = dict(pairs)
    if [key for key, _ in pairs] != sorted(found):
        raise ValueError("keys that are not in their order")
    return found


def seconds(text: str) -> float:
    return datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()  # noqa: FURB162 - since Python 3.11


class Attempts:
    """Each has one intent, and one outcome after it unless its time is not over."""

    def __init__(self) -> None:
        self.open: dict[tuple[str, int], tuple[int, float]] = {}
        self.ended: set[tuple[str, int]] = set()
        self.until = 0.0

    def take(self, index: int, line: bytes, findings: Findings) -> None:
        try:
            record = json.loads(line, object_pairs_hook=in_order)
            code, said = record["code"], record["fields"]
            self.until = max(self.until, seconds(record["ts"]))
            key = (said["issuance"], said["attempt"]) if code in {INTENT, LATE, *ENDS} else None
            deadline = seconds(said["deadline"]) if code == INTENT else 0.0
        except (ValueError, KeyError, TypeError):
            record, code, key, deadline = {}, "", None, 0.0
        if list(record) != ENVELOPE:
            findings.add("is not as a broker writes records", index)
        elif code == INTENT and key:
            if key in self.open or key in self.ended:
                findings.add("is a second intent of its attempt", index)
            self.open[key] = index, deadline
        elif code == LATE and key not in self.ended:
            findings.add("is a late result of an attempt that has not ended", index)
        elif code in ENDS and key:
            if self.open.pop(key, None) is None:
                findings.add("is an outcome of an attempt that has no intent, or has ended", index)
            self.ended.add(key)

    def finish(self, findings: Findings) -> None:
        for index, deadline in self.open.values():
            if deadline + LEFT_S < self.until:
                findings.add("is an intent without an outcome", index)


# The export
def tile_name(index: int, width: int) -> str:
    """001, or x001/234 for tile 1234, and how many it has where it is not full."""
    name = f"{index % 1000:03}"
    while index := index // 1000:
        name = f"x{index % 1000:03}/{name}"
    return name if width == 256 else f"{name}.p/{width}"


def compare(file: Path, parts: list[bytes], first: int, findings: Findings) -> None:
    """Hold a tile of hashes, or a bundle of entries, against its parts of the records from `first` on."""
    kept, at = file.read_bytes() if file.is_file() else b"", 0
    for index, part in enumerate(parts, first):
        if kept[at : at + len(part)] != part:
            findings.add(f"is not what {file} has at byte {at}", index)
            return
        at += len(part)
    if kept[at:]:
        findings.add(f"{file} goes on at byte {at}, where it should end")


def whole_log(folder: Path, head: Checkpoint, kept: list[Kept], findings: Findings) -> list[int]:
    tree, attempts, hashes, entries = Tree(), Attempts(), [], []
    roots = {size: tree.root() for size in (head.size, *(one.checkpoint.size for one in kept))}
    records = dict.fromkeys((one.index for one in kept if one.index is not None), b"{}")
    for index, line in enumerate(lines_of(folder / "records.jsonl", findings)):
        hashes.append(leaf_hash(line))
        entries.append(len(line).to_bytes(2, "big") + line)
        tree.add(hashes[-1])
        attempts.take(index, line, findings)
        if tree.size in roots:
            roots[tree.size] = tree.root()
        if index in records:
            records[index] = line
        if len(hashes) == 256 or tree.size == head.size:
            name = tile_name(index // 256, len(hashes))
            compare(folder / "tile/0" / name, hashes, tree.size - len(hashes), findings)
            compare(folder / "tile/entries" / name, entries, tree.size - len(hashes), findings)
            hashes, entries = [], []
    attempts.finish(findings)
    if tree.size != head.size or roots[head.size] != head.root:
        findings.add(f"these {tree.size} records do not give the root that is signed for {head.size}")
    for one in kept:
        one.judge(roots, records, tree.size, findings)
    return list(range(tree.size))


def selection(folder: Path, head: Checkpoint, kept: list[Kept], findings: Findings) -> list[int]:
    proofs = lines_of(folder / "proofs.jsonl", findings)
    records: dict[int, bytes] = {}
    last = -1
    for line in lines_of(folder / "records.jsonl", findings):
        told = json.loads(next(proofs, b"{}"))
        index = told.get("index", -1)
        if not head.proves(index, leaf_hash(line), [from_base64(step) for step in told.get("path", [])]):
            findings.add("was changed, moved or is not proved", index)
        if index <= last:
            findings.add("does not stand in its order", index)
        records[index], last = line if kept else b"", index
    if next(proofs, None) is not None:
        findings.add("proofs.jsonl has more lines than records.jsonl")
    for one in kept:
        one.judge({head.size: head.root}, records, head.size, findings)
    return list(records)


def judge_files(folder: Path, stated: dict[str, Any], findings: Findings) -> None:
    """Whether there are the files of the manifest, as it states them, and no others."""
    there = {f.relative_to(folder).as_posix() for f in folder.rglob("*") if f.is_symlink() or f.is_file()}
    for name in sorted((there - {"manifest.json"}) ^ set(stated)):
        findings.add(f"{name} is in the folder or in the manifest only")
    for name in sorted(there & set(stated)):
        digest, size = hashlib.sha256(), 0
        with (folder / name).open("rb") as content:
            for block in iter(lambda: content.read(1 << 20), b""):
                digest.update(block)
                size += len(block)
        if stated[name] != {"bytes": size, "sha256": digest.hexdigest()}:
            findings.add(f"{name} is not the file of the manifest")


def check(options: argparse.Namespace, findings: Findings) -> str:
    folder, note = options.folder, (options.folder / "checkpoint").read_bytes().decode()
    manifest, listed = (json.loads((folder / f).read_bytes()) for f in ("manifest.json", "keys.json"))
    if " ".join(sorted({*manifest} - {"format"})) != STATED or manifest["format"] != FORMAT:
        raise Refused(f"{folder}/manifest.json is not of format {FORMAT}")
    own = [Key(k["key"], k["from_size"], k["until_size"]) for k in listed["keys"]]
    if [(k["key_id"], k["origin"]) for k in listed["keys"]] != [(key.id, key.name) for key in own]:
        findings.add("keys.json has keys under other ids or names")
    given = [next((key for key in own if key.text == one.text), one) for one in options.key]
    loose = [Key(key.text) for key in given + own]  # what a key signed beyond its end tells what a log lost
    head, kept, whole = Checkpoint(note), list(kept_by(options)), manifest["scope"] == "log"
    if not whole and (options.against or options.receipts):
        raise Refused("a selection shows no other state of the log: take an export of all of it")
    claims = [("the checkpoint", head, given or own), *((k.where, k.checkpoint, loose) for k in kept)]
    for what, checkpoint, keys in claims:
        try:
            checkpoint.verify(keys)
        except Refused as refused:
            findings.add(f"{what}: {refused}")
    indexes = (whole_log if whole else selection)(folder, head, kept, findings)
    judge_files(folder, manifest["files"], findings)
    ends: list[Any] = indexes[:1] + indexes[-1:] or [None, None]
    root = base64.b64encode(head.root).decode()
    told = [manifest[name] for name in ("count", "first", "last", "origin", "size", "root", "checkpoint")]
    if whole == bool(manifest["query"]) or told != [len(indexes), *ends, head.origin, head.size, root, note]:
        findings.add("manifest.json states something else than the export holds")
    of = "all records" if whole else f"{len(indexes)} records (that none was left out is not shown)"
    return f"{of} of {head.origin}, size {head.size}, root {root}, by {'the' if given else 'its own'} key"


def main(arguments: list[str] | None = None) -> int:
    """Check what the command line names, and say what is wrong, the first record first."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("folder", type=Path)
    for option, kind in (("--key", str), ("--against", Path), ("--receipts", Path)):
        parser.add_argument(option, action="append", type=kind, default=[])
    options, findings = parser.parse_args(arguments), Findings()
    try:
        options.key = [Key(text) for text in options.key]
        checked = check(options, findings)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, Refused) as error:
        print(f"cannot be checked to the end: {type(error).__name__}: {error}", file=sys.stderr)
        return 1
    for _, what in sorted(findings)[:20]:
        print(what)
    print(f"WRONG in {len(findings)} places" if findings else "good", checked, sep=": ")
    return 8 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
