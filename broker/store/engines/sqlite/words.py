"""SQLite's errors, in words for a log."""

from sqlite3 import Error

from sqlalchemy.exc import DBAPIError


def told(error: Exception) -> str:
    """What SQLite said: never a statement's parameters."""
    said = error.orig if isinstance(error, DBAPIError) else error
    if isinstance(said, Error):
        return f"{getattr(said, 'sqlite_errorname', type(said).__name__)}: {said}"
    return type(said).__name__
