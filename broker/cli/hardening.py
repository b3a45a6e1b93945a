"""What a process that holds secrets does before it reads one."""

import resource


def forbid_core_dumps() -> None:
    """No crash of this process, or of a child, writes its memory to a disk."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
