"""The server's errors, in words for a log."""

import psycopg
from sqlalchemy.exc import DBAPIError

from broker.texts import cleaned

_LONGEST = 300
_OF_VALUES = "22"
"""The class of errors whose message repeats a value."""


def told(error: Exception) -> str:
    """What the server or its driver said: never a statement's parameters."""
    said = error.orig if isinstance(error, DBAPIError) else error
    if not isinstance(said, psycopg.Error):
        return type(said).__name__
    state, name = said.sqlstate, type(said).__name__
    if state is None:
        return cleaned(f"{name}: {said}", _LONGEST)
    if state.startswith(_OF_VALUES):
        return f"{name} ({state})"
    return cleaned(f"{name} ({state}): {said.diag.message_primary}", _LONGEST)
