"""Turns knobs for whoever may open the control socket."""

import logging
import socket
import threading
from collections.abc import Callable, Mapping
from pathlib import Path

from pydantic import ConfigDict, ValidationError, validate_call

from broker.lab.control.channel import LONGEST_LINE, Message, decode, encode, listen
from broker.lab.errors import LabError

_log = logging.getLogger(__name__)

_IDLE_S = 30.0

Knob = Callable[..., object]


class ControlServer:
    """Answers `{"knob": name, "arguments": {...}}` with `{"result": ...}` or `{"error": text}`.

    Arguments must have the types that the knob declares; an error never repeats them.
    """

    def __init__(self, path: Path, knobs: Mapping[str, Knob]) -> None:
        strict = ConfigDict(strict=True, hide_input_in_errors=True)
        self._knobs = {name: validate_call(config=strict)(knob) for name, knob in knobs.items()}
        self._path = path
        self._listener = listen(path)
        self._thread = threading.Thread(target=self._serve, name="lab-control", daemon=True)

    def start(self) -> None:
        """Take connections."""
        self._thread.start()

    def stop(self) -> None:
        """Close the socket and remove its file."""
        self._listener.shutdown(socket.SHUT_RDWR)
        if self._thread.is_alive():
            self._thread.join()
        self._listener.close()
        self._path.unlink(missing_ok=True)

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            connection.settimeout(_IDLE_S)
            threading.Thread(target=self._converse, args=(connection,), daemon=True).start()

    def _converse(self, connection: socket.socket) -> None:
        try:
            with connection, connection.makefile("rb") as lines:
                while line := lines.readline(LONGEST_LINE):
                    connection.sendall(encode(self._answer(line)))
        except OSError:
            _log.debug("a control connection ended early")

    def _answer(self, line: bytes) -> Message:
        try:
            request = decode(line)
            knob, arguments = self._knobs[request["knob"]], dict(request.get("arguments", {}))
        except (ValueError, KeyError, TypeError):
            return {"error": "no such knob, or not one JSON object per line"}
        try:
            return {"result": knob(**arguments)}
        except ValidationError as error:
            return {"error": "; ".join(f"{each['loc'][-1]}: {each['msg']}" for each in error.errors())}
        except LabError as error:
            return {"error": str(error)}
        except Exception:  # noqa: BLE001 - a defect of the lab must not leave a caller without an answer
            _log.exception("a knob of the lab broke")
            return {"error": "the lab failed; see its log"}
