"""Locks between processes, each a file beside the store: who dies gives back what it held.

A lock is nobody else's to open: whoever can open a file, if only to read it, can lock it for ever.
"""

import errno
import fcntl
import os
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from broker.errors import LogUnavailable, Trouble

_FLAGS = os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC
_RIGHTS = stat.S_IRUSR | stat.S_IWUSR | stat.S_IRGRP | stat.S_IWGRP


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a lock is waited for, and how often it is tried in that time."""

    within_s: float
    step_s: float


@contextmanager
def locked(store: Path, suffix: str, patience: Patience) -> Iterator[bool]:
    """Hold the store's lock of this suffix; False, and it is not held, where it is not free in time.

    Keeps apart the threads of one process as well. Raises LogUnavailable where the lock cannot be
    opened or others may open it.
    """
    lock = taken(store, suffix, patience)
    try:
        yield lock is not None
    finally:
        if lock is not None:
            give_back(lock)


def taken(store: Path, suffix: str, patience: Patience) -> int | None:
    """Take that lock, and hold it until it is given back; None where it is not free in time.

    Raises as `locked` does.
    """
    lock = _opened(store, _beside(store, suffix))
    try:
        if _got(lock, patience):
            return lock
    except BaseException:  # nobody else can close it
        os.close(lock)
        raise
    os.close(lock)
    return None


def give_back(lock: int) -> None:
    """Let go of a lock that was taken."""
    # Said aloud, since a child forked meanwhile would keep what closing alone leaves it.
    fcntl.flock(lock, fcntl.LOCK_UN)
    os.close(lock)


def check_openable(store: Path, suffix: str) -> None:
    """Whether the store's lock of this suffix can be had at all. Raises LogUnavailable as `locked` does."""
    os.close(_opened(store, _beside(store, suffix)))


def check_changeable(store: Path, suffix: str) -> None:
    """Whether a change of a file beside the store is taken now: the lock's size, which says nothing.

    It goes through the file system's journal, which an error stops before it makes anything read-only.
    Raises LogUnavailable.
    """
    lock = _opened(store, _beside(store, suffix))
    try:
        os.ftruncate(lock, 0 if os.fstat(lock).st_size else 1)
    except OSError as error:
        raise LogUnavailable(f"the store's disk: {error.strerror}", Trouble.STORE_READ_ONLY) from None
    finally:
        os.close(lock)


@lru_cache(maxsize=1024)
def _beside(store: Path, suffix: str) -> Path:
    return store.with_name(store.name + suffix)


def _opened(store: Path, path: Path) -> int:
    try:
        lock = _open_or_make(store, path)
    except OSError as error:
        trouble = Trouble.STORE_READ_ONLY if error.errno == errno.EROFS else Trouble.STORE_UNAVAILABLE
        raise LogUnavailable(f"the store's lock {path}: {error.strerror}", trouble) from None
    mode = os.fstat(lock).st_mode
    if not stat.S_ISREG(mode) or mode & stat.S_IRWXO:
        os.close(lock)
        raise LogUnavailable(f"the store's lock {path} is open to everybody; run: chmod o-rwx")
    return lock


def _open_or_make(store: Path, path: Path) -> int:
    try:
        return os.open(path, _FLAGS)
    except FileNotFoundError:
        # The store's own rights, as SQLite does it: serve and controller may be two users of one group.
        rights = store.stat().st_mode & _RIGHTS
        lock = os.open(path, _FLAGS | os.O_CREAT, 0o600)
    if os.fstat(lock).st_uid == os.geteuid():  # not where another user made it meanwhile
        os.fchmod(lock, rights)
    return lock


def _got(lock: int, patience: Patience) -> bool:
    deadline = time.monotonic() + patience.within_s
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= deadline:
                return False
            time.sleep(patience.step_s)
        else:
            return True
