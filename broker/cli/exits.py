"""Exit codes of every command: documented in the reference, tested."""

from enum import IntEnum


class Exit(IntEnum):
    """0 is done; everything else says which kind of no."""

    DONE = 0
    FAILED = 1
    USAGE = 2
    CONFIGURATION = 3
    REFUSED = 4
    VCENTER = 5
    CONFLICT = 6
    CHANGES = 7
    """Asked for by `--exit-code` alone: there is something to do."""
    WRONG = 8
    """What was checked is not what it should be: a ticket's receipt, the log, or what was kept of it."""
