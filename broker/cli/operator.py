"""Who types a command, for the record."""

import os
import pwd


def operator() -> str:
    """The operating system's name of the user, whatever the environment says; `uid N` without one."""
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return f"uid {os.getuid()}"
