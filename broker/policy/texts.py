"""The text of a file, if it is one that a person can have written and can read."""

import os
import re
import shlex
import stat
import unicodedata
from pathlib import Path

from broker.policy.problems import WHOLE_FILE, Problems

MAX_BYTES = 1024 * 1024

_SUSPECT = re.compile(r"[^\n\t -~]")
"""What is not plainly readable: controls, and all beyond ASCII."""

_UNREADABLE_CATEGORIES = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})


def read_text(file: Path, problems: Problems) -> str | None:
    """UTF-8 text of at most 1 MiB without invisible characters; else None, and why in `problems`.

    A file that every user may write, or in a folder that every user may write, is noted too.
    """
    content = _read_bytes(file, problems)
    if content is None:
        return None
    try:
        text = content.decode().replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        problems.note(file, line, WHOLE_FILE, "is not UTF-8 text", "Save it as UTF-8")
        return None
    return text if _only_readable(text, file, problems) else None


def _read_bytes(file: Path, problems: Problems) -> bytes | None:
    try:
        if not stat.S_ISREG(file.stat().st_mode):
            problems.note(file, 1, WHOLE_FILE, "is not a regular file", "Put a text file there")
            return None
        with file.open("rb") as stream:
            _note_open_to_all(file, os.fstat(stream.fileno()).st_mode, problems)
            content = stream.read(MAX_BYTES + 1)
        for folder in {file.parent, file.resolve().parent}:
            _note_open_to_all(folder, folder.stat().st_mode, problems)
    except OSError as error:
        advice = "Create it, or let this user read it"
        problems.note(file, 1, WHOLE_FILE, f"cannot be read: {error.strerror}", advice)
        return None
    if len(content) > MAX_BYTES:
        problems.note(file, 1, WHOLE_FILE, "is larger than 1 MiB", "Make it smaller")
        return None
    return content


def _note_open_to_all(path: Path, mode: int, problems: Problems) -> None:
    """Whoever may write a file, or put another in its place, decides what the policy is.

    A group that may is the admins' own choice.
    """
    if mode & stat.S_IWOTH:
        advice = f"Run: chmod o-w {shlex.quote(str(path))}"
        problems.note(path, 1, WHOLE_FILE, "may be written by every user", advice)


def _only_readable(text: str, file: Path, problems: Problems) -> bool:
    at = find_unreadable(text)
    if at is None:
        return True
    problem = f"holds the invisible or control character U+{ord(text[at]):04X}"
    problems.note(file, text.count("\n", 0, at) + 1, WHOLE_FILE, problem, "Remove it")
    return False


def find_unreadable(text: str) -> int | None:
    """Where the first character stands that cannot be seen, or can make text look like another text."""
    suspects = (found.start() for found in _SUSPECT.finditer(text))
    return next((at for at in suspects if _is_unreadable(text[at])), None)


def _is_unreadable(letter: str) -> bool:
    if letter.isascii():
        return True
    return unicodedata.category(letter) in _UNREADABLE_CATEGORIES or letter in "\ufffe\uffff"
