"""A name that somebody chose elsewhere is one piece of one line, on the terminal and in the log."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from broker.cli import main
from broker.cli.output import CommandFailed, fail
from broker.console import show, show_facts
from broker.controller.carrying.report import ApplyReport, Change
from broker.controller.planning.plan import Problem, ProblemKind
from broker.model.record import Event

FORGED = "x\n2026-01-01 INFO all is well\x1b[2J\u202e"
SHOWN = "x\ufffd2026-01-01 INFO all is well\ufffd[2J\ufffd"

LOG_ONE = """
import logging, sys
from broker.logs import Form, log_to_stderr
log_to_stderr("info", Form(sys.argv[1]))
logging.getLogger("broker.test").warning("grant g1: %s", sys.argv[2], extra={"finding": sys.argv[2]})
"""


def logged(form: str) -> str:
    said = subprocess.run(
        [sys.executable, "-c", LOG_ONE, form, FORGED], capture_output=True, check=True, encoding="utf-8"
    )
    (line,) = said.stderr.rstrip("\n").split("\n")
    return line


def test_a_line_of_the_log_for_people_stays_one_line() -> None:
    line = logged("text")
    assert f"grant g1: {SHOWN} " in line
    assert line.isprintable()


def test_a_line_of_the_log_for_machines_stays_one_line() -> None:
    line = json.loads(logged("json"))
    assert (line["event"], line["finding"]) == (f"grant g1: {SHOWN}", SHOWN)


def test_roles_apply_prints_each_change_and_problem_on_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    report = ApplyReport(
        "plan",
        (Change(Event.ROLE_CREATED, {"vcenter": "prod", "role": FORGED, "holds": [FORGED]}),),
        (),
        (Problem(ProblemKind.CONFLICT, "g1", "prod", FORGED),),
    )
    monkeypatch.setattr("broker.cli.roles.apply.apply_from", lambda *_: report)
    (tmp_path / "controller.yaml").touch()
    arguments = ["roles", "apply", "--config", str(tmp_path / "controller.yaml")]
    result = CliRunner().invoke(main, arguments, prog_name="broker")
    assert sorted(result.output.splitlines()) == [
        f"      + {SHOWN}",
        f"  + role {SHOWN}: created",
        f"! conflict: g1 on prod: {SHOWN}",
        "1 changed, 0 unchanged, 1 problem",
        "vCenter prod",
    ]


def test_a_cell_of_a_table_stays_one_cell(capsys: pytest.CaptureFixture[str]) -> None:
    show("table", ("name",), [(FORGED,)])
    show_facts("table", {"name": FORGED})
    assert capsys.readouterr().out == f"name\n{SHOWN}\nname  {SHOWN}\n"


def test_an_error_keeps_its_lines_and_loses_what_does_not_print() -> None:
    with pytest.raises(CommandFailed) as failed:
        fail("first\nsecond \x1b[2J")
    assert failed.value.message == "first\nsecond \ufffd[2J"
