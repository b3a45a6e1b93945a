"""Files of the lab, and the directories that they are in: its user's, and no other's."""

import os
import stat
from pathlib import Path

from broker.lab.errors import LabError


def own_directory(directory: Path) -> None:
    """Make the directory, mode 0700, or take one that belongs to this user and nobody else may write.

    Raises LabError for any other, and for a link: whoever can write there chooses what the lab's
    clients trust. Raises OSError where none can be made.
    """
    directory.parent.mkdir(parents=True, exist_ok=True)
    directory.mkdir(exist_ok=True, mode=0o700)
    found = directory.lstat()
    if not stat.S_ISDIR(found.st_mode):
        raise LabError(f"{directory} is a link; name the directory itself")
    if found.st_uid != os.geteuid():
        raise LabError(f"{directory} belongs to another user; name a new directory")
    if found.st_mode & 0o022:
        raise LabError(f"others may write {directory}; name a new directory")


def write_private(file: Path, content: bytes) -> None:
    """Write a file of mode 0600, in place of what was there, which is removed and never followed.

    It is never readable to others, not even for a moment.
    """
    file.unlink(missing_ok=True)
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    with os.fdopen(descriptor, "wb") as out:
        out.write(content)
