"""The file of the high-water mark: the newest checkpoint that was seen, on another path than the store."""

import os
import secrets
from pathlib import Path

from broker.errors import LogUnavailable, Trouble
from broker.model.stores import StoreLocation

_MAX_BYTES = 1_000_000
_RIGHTS = 0o644
"""A checkpoint is no secret. Who may replace it is said by the folder's rights."""


class MarkFile:
    """One file. What it holds is replaced as a whole, and durably. All raise LogUnavailable."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def there(self) -> bool:
        """Whether there is a file."""
        return os.path.lexists(self.path)

    def read(self) -> str | None:
        """The note in it; None where there is no file."""
        try:
            with self.path.open("rb") as file:
                return file.read(_MAX_BYTES + 1).decode()
        except FileNotFoundError:
            return None
        except (OSError, UnicodeDecodeError) as error:
            raise self.unusable(_why(error)) from None

    def write(self, note: str) -> None:
        """Put the note in the place of what is there."""
        temporary = self.path.with_name(f".{self.path.name}.{secrets.token_hex(4)}")
        try:
            try:
                _write_durably(temporary, note.encode())
                temporary.replace(self.path)
            except OSError:
                temporary.unlink(missing_ok=True)
                raise
            _sync_folder(self.path.parent)
        except OSError as error:
            raise self.unusable(_why(error)) from None

    def keep(self, epoch: int) -> None:
        """Let what is there stay under a name of its epoch as well, before it is replaced."""
        kept = self.path.with_name(f"{self.path.name}.e{epoch}")
        try:
            kept.unlink(missing_ok=True)
            kept.hardlink_to(self.path)
        except FileNotFoundError:
            return
        except OSError as error:
            raise self.unusable(_why(error)) from None

    def unusable(self, why: str) -> LogUnavailable:
        """The error about this file."""
        return LogUnavailable(f"the log's high-water mark {self.path}: {why}", Trouble.HIGH_WATER_UNUSABLE)


def mark_of(store: StoreLocation, named: Path | None) -> MarkFile:
    """The mark of a store: the file that the settings name, else one beside the store.

    Raises LogUnavailable where neither is.
    """
    if named is not None:
        return MarkFile(named)
    if isinstance(store, Path):
        return MarkFile(store.with_name(f"{store.name}.high-water"))
    raise LogUnavailable(
        f"nothing lies beside the store {store}: name the file of its high-water mark, audit.high_water",
        Trouble.HIGH_WATER_UNUSABLE,
    )


def _write_durably(path: Path, content: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, _RIGHTS)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(descriptor)


def _sync_folder(folder: Path) -> None:
    """The new name is durable with the folder, not with the file."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _why(error: OSError | UnicodeDecodeError) -> str:
    return str(error.strerror) if isinstance(error, OSError) else "it is no text"
