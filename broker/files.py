"""Files that hold a secret."""

import errno
import os
from pathlib import Path

from broker.errors import FileRefused


class FileExists(FileRefused):
    """The name is taken: what stands there may be the only copy of a secret."""


def write_private(path: Path, content: bytes) -> None:
    """Write a file that did not exist, readable by its owner only from its first byte.

    Raises FileExists: an existing file is never overwritten. Raises FileRefused, and removes
    again what could not be written whole, as on a full disk.
    """
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    except OSError as error:
        raise _refused(path, error) from None
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
    except OSError as error:
        path.unlink(missing_ok=True)
        raise FileRefused(f"{path}: {error.strerror}") from None


def _refused(path: Path, error: OSError) -> FileRefused:
    if error.errno == errno.EEXIST:
        return FileExists(f"{path} exists already; name a new file")
    if error.errno == errno.ENOENT:
        return FileRefused(f"{path}: its folder {path.absolute().parent} does not exist")
    return FileRefused(f"{path}: {error.strerror}")
