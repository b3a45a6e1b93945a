"""The control socket: for its owner, one JSON object per line."""

import json
import socket
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from broker.lab.control.channel import socket_address
from broker.lab.control.client import LabControl
from broker.lab.control.server import ControlServer
from broker.lab.errors import LabError

ADVANCED: list[float] = []


def advance_clock(seconds: float) -> str:
    ADVANCED.append(seconds)
    return "later"


def change_password(user: str, new: str) -> None:
    if user == "ghost":
        raise LabError("nobody is called ghost")
    if not new:
        raise KeyError(user)


@pytest.fixture
def path(tmp_path: Path) -> Iterator[Path]:
    path = tmp_path / "control.sock"
    server = ControlServer(path, {"advance_clock": advance_clock, "change_password": change_password})
    server.start()
    try:
        yield path
    finally:
        server.stop()


def say(path: Path, *lines: bytes) -> list[dict[str, object]]:
    with socket.socket(socket.AF_UNIX) as connection, socket_address(path) as address:
        connection.settimeout(5)
        connection.connect(address)
        connection.sendall(b"".join(lines))
        with connection.makefile("rb") as answers:
            return [json.loads(answers.readline()) for _ in lines]


def test_the_socket_is_for_its_owner_only(path: Path) -> None:
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_knob_is_turned_and_gives_its_result(path: Path) -> None:
    ADVANCED.clear()
    assert LabControl(path).advance_clock(120) == "later"
    assert ADVANCED == [120]


def test_one_connection_may_turn_several_knobs(path: Path) -> None:
    line = b'{"knob": "advance_clock", "arguments": {"seconds": 1.5}}\n'
    assert say(path, line, line) == [{"result": "later"}] * 2


def test_what_the_lab_refuses_is_told(path: Path) -> None:
    with pytest.raises(LabError, match="nobody is called ghost"):
        LabControl(path).change_password("ghost", "x")


@pytest.mark.parametrize(
    "line",
    [
        b"\n",
        b"nonsense\n",
        b"[]\n",
        b"{}\n",
        b'{"knob": "self_destruct"}\n',
        b'{"knob": [], "arguments": 1}\n',
    ],
)
def test_a_line_that_is_no_order_is_answered_with_an_error(path: Path, line: bytes) -> None:
    assert say(path, line) == [{"error": "no such knob, or not one JSON object per line"}]


@pytest.mark.parametrize("arguments", [{}, {"seconds": "120"}, {"seconds": 1, "minutes": 2}])
def test_arguments_of_wrong_number_or_type_are_refused_and_not_repeated(
    path: Path, arguments: dict[str, object]
) -> None:
    answer = say(path, json.dumps({"knob": "advance_clock", "arguments": arguments}).encode() + b"\n")[0]
    assert "error" in answer
    assert "120" not in str(answer)


def test_a_password_of_a_wrong_type_does_not_come_back(path: Path) -> None:
    order = {"knob": "change_password", "arguments": {"user": "svc", "new": ["canary-secret"]}}
    assert "canary" not in str(say(path, json.dumps(order).encode() + b"\n"))


def test_a_broken_knob_is_answered_too(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with pytest.raises(LabError, match="the lab failed"):
        LabControl(path).change_password("svc", "")
    assert "a knob of the lab broke" in caplog.text


def test_a_deep_directory_is_no_obstacle(tmp_path: Path) -> None:
    deep = tmp_path / ("d" * 120)
    deep.mkdir()
    server = ControlServer(deep / "control.sock", {"advance_clock": advance_clock})
    server.start()
    assert LabControl(deep / "control.sock").advance_clock(1) == "later"
    server.stop()
    assert not (deep / "control.sock").exists()


def test_a_lab_that_is_gone_is_said_so(tmp_path: Path) -> None:
    with pytest.raises(LabError, match="does not answer"):
        LabControl(tmp_path / "nothing.sock").calls()
