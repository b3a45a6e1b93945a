"""wrk: tickets asked of the broker as fast as they come."""

import json
import signal
import subprocess
from collections.abc import Sequence
from pathlib import Path
from time import monotonic, sleep
from typing import Any

import click

from tests.bench.cpu import Stopwatch
from tests.bench.labs import Target
from tests.bench.measurement import Answers, Measurement
from tests.bench.programs import program

SCRIPT = Path(__file__).with_name("tickets.lua")
SETTLE_S, SETTLE_EACH_S = 0.5, 0.01
"""From wrk's start to the first request that counts, and more for each connection: they are made and warm by
then."""

LAST_ANSWERS_S = 0.5
"""Answers to the last requests that count come within this time after the window, or are not counted."""

_LONGEST_RUN_S = 300
_LONGEST_ANSWER_S = 20


class Load:
    """Puts load on one broker. `place` is a directory of its own, for tokens and requests."""

    def __init__(self, url: str, place: Path) -> None:
        self._url = url
        self._place = place
        self._wrk = program("wrk")

    def ask_for(self, targets: Sequence[Target]) -> None:
        """The hosts of the measurements that follow."""
        bodies = (json.dumps({"host": target.name, "vcenter": target.vcenter}) for target in targets)
        (self._place / "bodies").write_text("".join(f"{body}\n" for body in bodies))

    def measure(
        self, token: str, concurrency: int, seconds: float, labs: Sequence[int], broker: Sequence[int]
    ) -> Measurement:
        """So many connections for so long; `labs` and `broker` are the processes whose CPU is told."""
        self._write(token)
        opens = monotonic() + SETTLE_S + SETTLE_EACH_S * concurrency
        with self._started(concurrency, opens, opens + seconds) as process:
            _sleep_until(opens)
            watch = Stopwatch(labs, load=[process.pid], broker=broker)
            _sleep_until(opens + seconds)
            cpu = watch.read()
            sleep(LAST_ANSWERS_S)
            process.send_signal(signal.SIGINT)
            told = _told(process)
        return Measurement("broker", concurrency, Answers.of_loops(told["loops"], told["failed"]), cpu)

    def _write(self, token: str) -> None:
        file = self._place / "token"
        file.touch(mode=0o600)
        file.write_text(token)

    def _started(self, concurrency: int, opens: float, closes: float) -> "subprocess.Popen[str]":
        return subprocess.Popen(
            [
                str(self._wrk),
                *("--threads", str(concurrency), "--connections", str(concurrency)),
                *("--duration", f"{_LONGEST_RUN_S}s", "--timeout", f"{_LONGEST_ANSWER_S}s"),
                *("--script", str(SCRIPT), f"{self._url}/v1/tickets"),
                *("--", str(self._place), f"{opens:.6f}", f"{closes:.6f}", str(concurrency)),
            ],
            stdout=subprocess.PIPE,
            text=True,
        )


def _told(process: "subprocess.Popen[str]") -> dict[str, Any]:
    said, _ = process.communicate(timeout=_LONGEST_ANSWER_S)
    if process.returncode != 0:
        raise click.ClickException(f"wrk ended with {process.returncode}: {said}")
    told: dict[str, Any] = json.loads(said.splitlines()[-1])
    return told


def _sleep_until(moment: float) -> None:
    sleep(max(0.0, moment - monotonic()))
