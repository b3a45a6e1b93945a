"""Files that hold secrets of the lab."""

import os
from pathlib import Path


def write_private(file: Path, content: bytes) -> None:
    """Write a file of mode 0600 that is never readable to others, not even for a moment."""
    file.unlink(missing_ok=True)
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as out:
        out.write(content)
