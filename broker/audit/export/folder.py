"""A folder that appears whole and durable under its name, or not at all."""

import hashlib
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import mkdtemp
from typing import Self

from broker.errors import FileRefused
from broker.files import FileExists


@dataclass(frozen=True, slots=True)
class Written:
    """What a file holds: how many bytes, and their SHA-256 in hexadecimal."""

    size: int
    sha256: str


class GrowingFile:
    """A new file, for its owner only, that is written piece by piece. Raises FileRefused."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._digest = hashlib.sha256()
        self._size = 0
        with _refused(path):
            self._file = os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb")

    def write(self, content: bytes) -> None:
        """Add to its end."""
        self._digest.update(content)
        self._size += len(content)
        with _refused(self._path):
            self._file.write(content)

    def finish(self) -> Written:
        """Make it durable and close it."""
        with _refused(self._path):
            self._file.flush()
            os.fsync(self._file.fileno())
            self._file.close()
        return Written(self._size, self._digest.hexdigest())

    def abandon(self) -> None:
        """Close it, whatever became of its content."""
        with suppress(OSError):  # what could not be written is about to be removed
            self._file.close()


class NewFolder:
    """A folder for its owner only, under another name until it is published; else it is removed again.

    Raises FileExists where the name is taken, FileRefused where something cannot be written.
    """

    def __init__(self, target: Path) -> None:
        if os.path.lexists(target):
            raise _taken(target)
        self._target = target
        self._growing: dict[str, GrowingFile] = {}
        self._written: dict[str, Written] = {}
        with _refused(target):
            self._making = Path(mkdtemp(prefix=f".{target.name}.", dir=target.parent))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for file in self._growing.values():
            file.abandon()
        shutil.rmtree(self._making, ignore_errors=True)

    @property
    def written(self) -> Mapping[str, Written]:
        """The files that are finished, by their paths in the folder."""
        return self._written

    def grow(self, name: str) -> GrowingFile:
        """Begin a file at this path in the folder. `finish` ends it."""
        path = self._making / name
        if path.parent != self._making:
            with _refused(path):
                path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._growing[name] = GrowingFile(path)
        return self._growing[name]

    def finish(self, name: str) -> Written:
        """End a file that was begun."""
        self._written[name] = self._growing.pop(name).finish()
        return self._written[name]

    def put(self, name: str, content: bytes) -> Written:
        """Write a file whole."""
        self.grow(name).write(content)
        return self.finish(name)

    def publish(self) -> None:
        """Give the folder its name, once all that is in it is durable."""
        with _refused(self._target):
            for folder, _, _ in os.walk(self._making):
                _make_durable(Path(folder))
            _claim(self._target)
            try:
                self._making.rename(self._target)
            except OSError:
                self._target.rmdir()
                raise
            _make_durable(self._target.parent)


def _claim(target: Path) -> None:
    """Take the name by an empty folder: to rename onto it would replace one that somebody else made."""
    try:
        target.mkdir(mode=0o700)
    except FileExistsError:
        raise _taken(target) from None


def _make_durable(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _taken(target: Path) -> FileExists:
    return FileExists(f"{target} exists already; name a new folder")


@contextmanager
def _refused(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise FileRefused(f"{path}: {error.strerror}") from None
