"""Which file system a folder lies on, as the kernel lists what is mounted."""

import os
from contextlib import suppress
from pathlib import Path

_MOUNTS = Path("/proc/self/mountinfo")
_BETWEEN_MACHINES = frozenset(
    {
        "afs",
        "beegfs",
        "ceph",
        "cifs",
        "coda",
        "gfs2",
        "glusterfs",
        "gpfs",
        "lustre",
        "nfs",
        "nfs4",
        "ocfs2",
        "orangefs",
        "smb3",
        "smbfs",
        "fuse.ceph-fuse",
        "fuse.davfs",
        "fuse.gcsfuse",
        "fuse.glusterfs",
        "fuse.juicefs",
        "fuse.rclone",
        "fuse.s3fs",
        "fuse.sshfs",
    }
)


def shared_by_machines(folder: Path) -> str:
    """The kind of the folder's file system where several machines can have it mounted; else empty.

    What the kernel does not tell is taken for a disk of this machine. Raises OSError where there is
    no such folder.
    """
    device = folder.stat().st_dev
    wanted = f"{os.major(device)}:{os.minor(device)}"
    with suppress(OSError):
        for mount in _MOUNTS.read_text(errors="replace").splitlines():
            kind = _kind_of(mount, wanted)
            if kind in _BETWEEN_MACHINES:
                return kind
    return ""


def _kind_of(mount: str, device: str) -> str:
    """Of a line of proc_pid_mountinfo(5): ID, parent, device, ..., "-", kind, source, options."""
    before, _, after = mount.partition(" - ")
    return after.split(" ", 1)[0] if f" {device} " in before else ""
