"""Files that hold a secret."""

import os
from pathlib import Path

from broker.errors import FileRefused


def write_private(path: Path, content: bytes) -> None:
    """Write a file that did not exist, readable by its owner only from its first byte.

    Raises FileRefused: an existing file is never overwritten.
    """
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    except OSError as error:
        raise FileRefused(f"{path}: {error.strerror}") from None
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
