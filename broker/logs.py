"""The operational log: one line per event on standard error, apart from the audit log.

Rooms log with the standard library, a constant text and facts in `extra`; what they, gunicorn and
other libraries say is put into lines here. A text that somebody else chose cannot begin a line of
its own, nor hide one. Of an exception that is not ours, kind and place are told: its text may hold
anything.
"""

import json
import logging
import sys
import threading
from collections.abc import Mapping, MutableMapping
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, TypeAlias

from structlog.contextvars import bind_contextvars, clear_contextvars, merge_contextvars
from structlog.dev import ConsoleRenderer
from structlog.processors import JSONRenderer
from structlog.stdlib import ExtraAdder, ProcessorFormatter

from broker.defects import told
from broker.errors import BrokerError
from broker.texts import cleaned

MAX_TEXT = 1000
"""Of one text. Processes that share a pipe do not mix their lines while those are below 4 KiB."""

_Line: TypeAlias = MutableMapping[str, Any]

_log = logging.getLogger(__name__)


class Form(StrEnum):
    """How lines look: for machines, or for people."""

    JSON = "json"
    TEXT = "text"


def log_to_stderr(level: str, form: Form) -> None:
    """Log this process' doings from `level` up, as debug, info, warning or error.

    Libraries get a say from `warning` up, gunicorn from `info`: below, they print what goes over the wire.
    """
    lines = _Lines(sys.stderr)
    lines.setFormatter(_formatter(form))
    wanted = logging.getLevelNamesMapping()[level.upper()]
    logging.basicConfig(level=max(wanted, logging.WARNING), handlers=[lines], force=True)
    logging.captureWarnings(True)  # noqa: FBT003 - the standard library's signature
    logging.getLogger("broker").setLevel(wanted)
    logging.getLogger("gunicorn").setLevel(max(wanted, logging.INFO))
    threading.excepthook = _thread_ended
    sys.excepthook = _process_ended


def begin_answer(issuance: str) -> None:
    """What this thread logs from now on is about the answer with this id, until `end_answer`."""
    clear_contextvars()
    bind_contextvars(issuance=issuance)


def know(**facts: object) -> None:
    """What this thread logs from now on says this too, until `end_answer`."""
    bind_contextvars(**facts)


def end_answer() -> None:
    """What this thread logs from now on is about no answer."""
    clear_contextvars()


class _Lines(logging.StreamHandler[Any]):
    """Lines that are flushed one by one. One that cannot be made says no more than where it came from."""

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - the library's name
        """The library would print the line's arguments, and a traceback of several lines."""
        try:
            place = {"level": "error", "logger": __name__, "event": "a line was lost", "of": record.name}
            self.stream.write(json.dumps(place) + self.terminator)
            self.flush()
        except (OSError, ValueError):
            return  # standard error itself is full or gone: there is nobody left to tell


def _formatter(form: Form) -> ProcessorFormatter:
    machines = JSONRenderer(serializer=lambda line, **_: json.dumps(line))
    people = ConsoleRenderer(colors=sys.stderr.isatty())
    renderer = machines if form is Form.JSON else people
    return ProcessorFormatter(
        foreign_pre_chain=[merge_contextvars, ExtraAdder()], processors=[_in_order, renderer]
    )


def _in_order(_logger: object, _method: str, told_of: _Line) -> _Line:
    """The line's facts: first those that every line has."""
    record: logging.LogRecord = told_of.pop("_record")
    del told_of["_from_structlog"]
    line: dict[str, Any] = {
        "timestamp": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
        "level": record.levelname.lower(),
        "logger": record.name,
        "event": _fit(told_of.pop("event")),
        "pid": record.process,
    }
    told_of.pop("stack_info", None)
    if (raised := told_of.pop("exc_info", None)) and raised[1] is not None:
        line["error"] = _fit(_what(raised[1]))
    line.update((name, _fit(value)) for name, value in told_of.items())
    return line


def _fit(value: object) -> object:
    """The value as a line may hold it; of what is none of these the kind: its own words may hold anything."""
    match value:
        case str():
            return value if len(value) <= MAX_TEXT and value.isprintable() else cleaned(value, MAX_TEXT)
        case int() | float() | None:
            return value
        case Mapping():
            return {str(name): _fit(part) for name, part in value.items()}
        case _:
            return type(value).__name__


def _what(raised: BaseException) -> str:
    if isinstance(raised, BrokerError):
        return "; ".join(str(raised).splitlines())
    return told(raised)


def _thread_ended(ended: threading.ExceptHookArgs) -> None:
    if ended.exc_value is not None:
        _log.critical("a thread ended by a defect: %s", told(ended.exc_value))


def _process_ended(_kind: type[BaseException], raised: BaseException, _places: object) -> None:
    _log.critical("this process ends by a defect: %s", told(raised))
