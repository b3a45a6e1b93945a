"""Where a SQLite store lies: its files, their rights, whether they are still those opened, and the room left.

The store's own file is never opened here: closing any descriptor of it would drop the locks that
SQLite holds on it in this process (POSIX advisory locks). `stat` by path is enough.
"""

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from broker.errors import LogUnavailable, Trouble
from broker.store.engines.sqlite.locks import (
    Patience,
    check_changeable,
    check_openable,
    give_back,
    locked,
    taken,
)
from broker.store.engines.sqlite.mounts import shared_by_machines
from broker.store.place import Room

_MIB = 1024 * 1024
LOCK, GATE = ".lock", ".lock.gate"
"""Beside the store: who holds the first writes, who holds the other is the next to."""
_TO_WRITE = Patience(within_s=5.0, step_s=0.0005)
_A_WHILE = Patience(within_s=0.02, step_s=0.0005)


@dataclass(frozen=True, slots=True)
class Identity:
    """Which file a path meant when it was opened."""

    device: int
    inode: int


@dataclass(frozen=True, slots=True)
class Place:
    """One store's path, and the bytes of disk kept free for what must still be written."""

    path: Path
    reserve_bytes: int
    files: tuple[str, ...]
    """The file and its two WAL files, as they are examined before each write."""

    def make(self) -> None:
        """Make the file, empty, mode 0600, if there is none. Raises LogUnavailable."""
        with self._explained():
            self._check_directory()
            self._create()

    def check_made(self) -> None:
        """Raises LogUnavailable where no store was ever made."""
        with self._explained():
            made = self.path.exists() and self.path.stat().st_size > 0
        if not made:
            raise LogUnavailable(
                f"there is no store at {self.path}; `broker roles apply`, `controller` and `serve` make one"
            )

    def check_fit(self) -> None:
        """Check that the file is one that only this machine has, under one name, and the rights of it.

        Group rights are left to the operator, since serve and controller may be two users of
        one group; rights of all others are refused. Raises LogUnavailable.
        """
        with self._explained():
            self._check_directory()
            self._check_file()

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise LogUnavailable(f"the store {self.path} cannot be used: {error.strerror}") from None

    @contextmanager
    def alone(self) -> Iterator[None]:
        """One process at a time opens or writes a store here; the others wait in short steps.

        SQLite keeps them apart as well, but its waiting grows to steps in which one process can
        starve another for seconds. So could a process that writes on and on, and is back before the
        others have looked again: who has waited for a while shuts a gate that all who come must pass.
        Raises LogUnavailable when it lasts too long.
        """
        lock = self._taken_in_turn()
        if lock is None:
            raise LogUnavailable(f"another process holds the store for more than {_TO_WRITE.within_s:.0f} s")
        try:
            yield
        finally:
            give_back(lock)

    def check_lock(self) -> None:
        """Whether whoever has its turn could write, without waiting for one. Raises LogUnavailable."""
        check_openable(self.path, LOCK)

    def check_changeable(self) -> None:
        """Whether the disk still takes changes. Raises LogUnavailable."""
        check_changeable(self.path, LOCK)

    def _taken_in_turn(self) -> int | None:
        gate = taken(self.path, GATE, _TO_WRITE)
        if gate is None:
            return None
        give_back(gate)
        lock = taken(self.path, LOCK, _A_WHILE)
        return self._taken_first() if lock is None else lock

    def _taken_first(self) -> int | None:
        with locked(self.path, GATE, _TO_WRITE) as shut:
            return taken(self.path, LOCK, _TO_WRITE) if shut else None

    def identity(self) -> Identity:
        """What the store's file is now. Raises LogUnavailable if it is missing."""
        return self._identify(self.files[0])

    def identities(self) -> tuple[Identity, ...]:
        """What the store's file and its two WAL files are now. Raises LogUnavailable if one is missing."""
        return tuple(map(self._identify, self.files))

    def _identify(self, file: str) -> Identity:
        try:
            found = os.lstat(file)
        except OSError as error:
            raise LogUnavailable(
                f"a file of the store {self.path} is gone: {error.strerror}", Trouble.STORE_REPLACED
            ) from None
        return Identity(found.st_dev, found.st_ino)

    def examined(self, opened: tuple[Identity, ...]) -> Room:
        """The room there is, where the files are still those that were opened and can be written.

        Raises LogUnavailable.
        """
        if self.identities() != opened:
            raise LogUnavailable(f"a file of the store {self.path} was replaced", Trouble.STORE_REPLACED)
        try:
            mode, disk = os.stat(self.files[0]).st_mode, os.statvfs(self.files[0])  # noqa: PTH116 - at each write
        except OSError as error:
            raise LogUnavailable(f"the store {self.path} cannot be examined: {error.strerror}") from None
        if disk.f_flag & os.ST_RDONLY or not mode & stat.S_IWUSR:
            raise LogUnavailable(f"the store {self.path} is read-only", Trouble.STORE_READ_ONLY)
        return Room(str(self.path), disk.f_bavail * disk.f_frsize, self.reserve_bytes)

    def _check_directory(self) -> None:
        mode = self.path.parent.stat().st_mode
        if not stat.S_ISDIR(mode) or mode & stat.S_IWOTH:
            raise LogUnavailable(
                f"the store's directory {self.path.parent} can be written by everybody; run: chmod o-w"
            )
        # Locks and shared memory hold between the processes of one machine only.
        if kind := shared_by_machines(self.path.parent):
            raise LogUnavailable(
                f"the store's directory {self.path.parent} is on a network file system ({kind}): "
                "put the store on a disk of this machine, or into PostgreSQL"
            )

    def _create(self) -> None:
        try:
            os.close(os.open(self.path, os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_CLOEXEC, 0o600))
        except FileExistsError:
            return

    def _check_file(self) -> None:
        found = self.path.lstat()
        if not stat.S_ISREG(found.st_mode):
            raise LogUnavailable(f"the store {self.path} is not a regular file")
        if found.st_nlink > 1:
            raise LogUnavailable(
                f"the store {self.path} has another name, beside which SQLite would keep other WAL files: "
                f"remove one; find -inum {found.st_ino} shows them"
            )
        if found.st_mode & stat.S_IRWXO:
            raise LogUnavailable(f"the store {self.path} is open to everybody; run: chmod o-rwx")


def place_at(path: Path, disk_reserve_mib: int) -> Place:
    """The place of a store, by a path that no later change of directory alters."""
    absolute = os.path.abspath(path)  # noqa: PTH100 - must not follow a link
    files = tuple(absolute + suffix for suffix in ("", "-wal", "-shm"))
    return Place(Path(absolute), disk_reserve_mib * _MIB, files)
