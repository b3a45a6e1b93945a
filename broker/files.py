"""Files that hold a secret."""

import os
from pathlib import Path

from broker.errors import FileRefused


def write_private(path: Path, content: bytes) -> None:
    """Write a file that did not exist, readable by its owner only from its first byte.

    Raises FileRefused: an existing file is never overwritten, and one that could not be written
    whole, as on a full disk, is removed again.
    """
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    except OSError as error:
        raise FileRefused(f"{path}: {error.strerror}") from None
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
    except OSError as error:
        path.unlink(missing_ok=True)
        raise FileRefused(f"{path}: {error.strerror}") from None
