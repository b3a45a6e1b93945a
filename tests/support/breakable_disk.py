"""A file system that a test can break: the kernel then makes it read-only under whoever writes to it.

An image on a loop device, which takes root; nothing else of the machine is touched.
"""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_FAULTS = Path("/sys/fs/ext4")
_MIB = 1024 * 1024


def may_be_had() -> bool:
    """Whether this machine lets us have one."""
    programs = all(shutil.which(name) for name in ("mkfs.ext4", "e2fsck", "losetup"))
    if os.geteuid() != 0 or not programs or not _FAULTS.is_dir():
        return False
    return subprocess.run(["losetup", "--find"], capture_output=True, check=False).returncode == 0


class BreakableDisk:
    """What is mounted at `place`."""

    def __init__(self, place: Path, image: Path) -> None:
        self._place = place
        self._image = image

    def break_down(self) -> None:
        """Let the kernel find an error in it. As at a power cut, what was not flushed by then is lost."""
        source = _said("findmnt", "--noheadings", "--output", "SOURCE", str(self._place))
        (_FAULTS / Path(source).name / "trigger_fs_error").write_text("a test\n")

    def mount(self) -> None:
        """Put it at its place."""
        _said("mount", "-o", "loop,errors=remount-ro", str(self._image), str(self._place))
        self._place.chmod(0o700)

    def mend(self) -> None:
        """Check and mount it anew, as somebody does who looked into it; nobody may use it meanwhile."""
        _said("umount", str(self._place))
        mended = subprocess.run(["e2fsck", "-fy", str(self._image)], capture_output=True, check=False)
        assert mended.returncode <= 1, mended.stdout
        self.mount()


@contextmanager
def breakable(place: Path, mib: int = 24) -> Iterator[BreakableDisk]:
    """A disk of its own for the folder `place`, with what lies there."""
    aside, image = place.with_name(f"{place.name}.aside"), place.with_name(f"{place.name}.image")
    place.rename(aside)
    place.mkdir(mode=0o700)
    with image.open("wb") as file:
        file.truncate(mib * _MIB)
    _said("mkfs.ext4", "-q", "-F", str(image))
    disk = BreakableDisk(place, image)
    disk.mount()
    try:
        shutil.copytree(aside, place, dirs_exist_ok=True)
        _said("sync", "--file-system", str(place))
        yield disk
    finally:
        _said("umount", "--lazy", str(place))


def _said(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()
