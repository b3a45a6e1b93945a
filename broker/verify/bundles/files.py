"""The files of an export, held against its manifest."""

import hashlib
import os
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path

from broker.verify.bundles.contents import MANIFEST, FileFacts
from broker.verify.findings import Findings, Kind
from broker.verify.sources import Unreadable

_BLOCK = 1 << 20


def judge_files(
    folder: Path, stated: Mapping[str, FileFacts], elsewhere: Collection[str], findings: Findings
) -> None:
    """Whether there are these files and no others, with this content. Raises Unreadable.

    The content of those that are looked at `elsewhere` is not read.
    """
    found = set(_files(folder)) - {MANIFEST}
    for name in sorted(found.symmetric_difference(stated)):
        where = (
            "in the folder, not in the manifest" if name in found else "in the manifest, not in the folder"
        )
        findings.add(Kind.FILES, f"{name} is {where}")
    for name in sorted(found.intersection(stated).difference(elsewhere)):
        if wrong := unlike(stated[name], facts_of(folder / name)):
            findings.add(Kind.FILES, f"{name} {wrong}")


def facts_of(file: Path) -> FileFacts:
    """What a file holds. Raises Unreadable."""
    digest, size = hashlib.sha256(), 0
    try:
        with file.open("rb") as content:
            while block := content.read(_BLOCK):
                digest.update(block)
                size += len(block)
    except OSError as error:
        raise Unreadable(f"{file}: {error.strerror}") from None
    return FileFacts(bytes=size, sha256=digest.hexdigest())


def unlike(stated: FileFacts | None, found: FileFacts) -> str:
    """In what a file is not the one of the manifest; empty where it is."""
    if stated is None or stated == found:
        return ""
    if stated.bytes != found.bytes:
        return f"has {found.bytes} bytes, in the manifest {stated.bytes}"
    return "is not the file of the manifest: its SHA-256 is another"


def _files(folder: Path) -> Iterator[str]:
    """Every file, by its path in the folder; nothing is followed out of it."""
    for where, folders, files in os.walk(folder, onerror=_unreadable):
        links = [name for name in folders if Path(where, name).is_symlink()]
        for name in (*files, *links):
            yield Path(where, name).relative_to(folder).as_posix()


def _unreadable(error: OSError) -> None:
    raise Unreadable(f"{error.filename}: {error.strerror}")
