"""What a process says while it runs: one line per event, of known form, and nothing that may be secret."""

import json
import subprocess
import sys
from typing import Any

CANARY = "canary-in-a-text"

BEGIN = """
import logging, sys, threading
from broker.errors import Reason, Refused
from broker.logs import Form, begin_answer, end_answer, know, log_to_stderr
from broker.model.secret import Secret
log_to_stderr("{level}", Form.{form})
log = logging.getLogger("broker.test")
canary = "{canary}"
"""


def said(script: str, level: str = "debug", form: str = "JSON") -> list[str]:
    """What a process that runs this script says on standard error."""
    begin = BEGIN.format(level=level, form=form, canary=CANARY)
    done = subprocess.run(
        [sys.executable, "-c", begin + script], capture_output=True, text=True, check=False, timeout=60
    )
    return done.stderr.splitlines()


def lines(script: str, level: str = "debug") -> list[dict[str, Any]]:
    return [json.loads(line) for line in said(script, level)]


def test_a_line_begins_with_what_every_line_has() -> None:
    (line,) = lines("log.warning('grant %s', 'g1', extra={'vcenter': 'prod', 'attempt': 2})")
    assert list(line) == ["timestamp", "level", "logger", "event", "pid", "vcenter", "attempt"]
    assert line | {"timestamp": "", "pid": 0} == {
        "timestamp": "",
        "level": "warning",
        "logger": "broker.test",
        "event": "grant g1",
        "pid": 0,
        "vcenter": "prod",
        "attempt": 2,
    }
    assert line["timestamp"].endswith("+00:00")


def test_a_line_for_people_says_the_same() -> None:
    (line,) = said("log.warning('grant %s', 'g1', extra={'vcenter': 'prod'})", form="TEXT")
    assert "warning" in line
    assert "grant g1" in line
    assert "vcenter=prod" in line


def test_lines_carry_the_answer_that_they_are_about() -> None:
    told = lines(
        "begin_answer('one'); log.info('a'); know(reason='drifted'); log.info('b')\n"
        "begin_answer('two'); log.info('c'); end_answer(); log.info('d')\n"
    )
    assert [(line.get("issuance"), line.get("reason")) for line in told] == [
        ("one", None),
        ("one", "drifted"),
        ("two", None),
        (None, None),
    ]


def test_what_another_thread_answers_is_its_own() -> None:
    (line,) = lines(
        "begin_answer('one')\n"
        "thread = threading.Thread(target=lambda: log.info('beside'))\n"
        "thread.start(); thread.join()\n"
    )
    assert "issuance" not in line


def test_of_an_exception_kind_and_place_are_told_and_not_its_text() -> None:
    (line,) = lines("try: {}[canary]\nexcept KeyError: log.exception('failed')")
    assert line["error"] == "KeyError at <string>:9 <module>"


def test_an_error_of_ours_is_told_in_its_own_words() -> None:
    (line,) = lines(
        "try: raise Refused(Reason.DRIFTED, 'a role changed')\nexcept Refused: log.exception('failed')"
    )
    assert line["error"] == "drifted: a role changed"


def test_a_thread_that_a_defect_ends_leaves_one_line_without_its_text() -> None:
    (line,) = lines(
        "thread = threading.Thread(target=lambda: {}[canary], name='x')\nthread.start(); thread.join()"
    )
    assert (line["level"], line["event"].partition(":")[0]) == ("critical", "a thread ended by a defect")
    assert CANARY not in str(line)


def test_a_process_that_a_defect_ends_leaves_one_line_without_its_text() -> None:
    (line,) = lines("raise RuntimeError(canary)")
    assert (line["level"], line["event"].partition(":")[0]) == ("critical", "this process ends by a defect")
    assert CANARY not in str(line)


def test_a_line_that_cannot_be_made_says_where_it_came_from_and_nothing_of_its_arguments() -> None:
    (line,) = lines("log.info('%d hosts', canary)")
    assert line == {
        "level": "error",
        "logger": "broker.logs",
        "event": "a line was lost",
        "of": "broker.test",
    }


def test_what_is_no_plain_value_is_told_by_its_kind() -> None:
    script = "log.info('x', extra={'password': Secret(canary), 'thing': {'a': [canary]}})"
    (line,) = lines(script)
    assert (line["password"], line["thing"]) == ("Secret", {"a": "list"})
    assert CANARY not in "".join(said(script, form="TEXT"))


def test_a_long_text_is_cut() -> None:
    (line,) = lines("log.info('%s', 'x' * 5000, extra={'finding': 'y' * 5000})")
    assert line["event"] == "x" * 1000 + "…[4000 more]"
    assert line["finding"] == "y" * 1000 + "…[4000 more]"


def test_libraries_say_nothing_below_a_warning_and_gunicorn_nothing_below_info() -> None:
    told = lines(
        "for name in ('urllib3', 'authlib', 'redis', 'sqlalchemy.engine', 'gunicorn.error', 'broker.x'):\n"
        "    for level in (10, 20, 30): logging.getLogger(name).log(level, 'x')\n"
    )
    assert sorted((line["logger"], line["level"]) for line in told) == [
        ("authlib", "warning"),
        ("broker.x", "debug"),
        ("broker.x", "info"),
        ("broker.x", "warning"),
        ("gunicorn.error", "info"),
        ("gunicorn.error", "warning"),
        ("redis", "warning"),
        ("sqlalchemy.engine", "warning"),
        ("urllib3", "warning"),
    ]


def test_a_higher_level_holds_for_all() -> None:
    told = lines(
        "for name in ('urllib3', 'gunicorn.error', 'broker.x'):\n"
        "    for level in (20, 30, 40): logging.getLogger(name).log(level, 'x')\n",
        "error",
    )
    assert {line["level"] for line in told} == {"error"}


def test_a_warning_of_python_is_a_line_too() -> None:
    (line,) = lines("import warnings; warnings.warn('deprecated', stacklevel=1)")
    assert line["logger"] == "py.warnings"
