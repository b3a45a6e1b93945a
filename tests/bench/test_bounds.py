"""Bounds are held against figures, and a figure that is void meets none."""

import json
from pathlib import Path

import pytest

from tests.bench.__main__ import PARTS
from tests.bench.bounds import BOUNDS, Bound, Judged, Sense, Verdict, judged
from tests.bench.figures import Figure, Sample
from tests.bench.machine import Machine, this_machine
from tests.bench.measurement import Answers, Cpu, Measurement
from tests.bench.report import show_report, unmet, write_report

MACHINE = Machine(cores=2, python="3.11.7", durable_write_ms=0.75)


def figure(key: str, value: float, labs: tuple[float, ...] = (0.1,)) -> Figure:
    cpu = Cpu(1.0, cores=1, labs=labs, load=0.25, broker=0.5)
    part = Measurement("broker", 8, Answers.of_loops([(1.0, [1_000] * 10)], failed=0), cpu)
    return Figure(key, f"about {key}", "ms", "workers 1", (Sample(value, (part,)),))


@pytest.mark.parametrize(
    ("sense", "value", "verdict"),
    [
        (Sense.AT_MOST, 2.5, Verdict.MET),
        (Sense.AT_MOST, 2.6, Verdict.MISSED),
        (Sense.AT_LEAST, 2.5, Verdict.MET),
        (Sense.AT_LEAST, 2.4, Verdict.MISSED),
        (Sense.AT_MOST, None, Verdict.VOID),
        (Sense.AT_LEAST, None, Verdict.VOID),
    ],
)
def test_a_bound_is_met_up_to_its_limit(sense: Sense, value: float | None, verdict: Verdict) -> None:
    assert Bound("a", sense, 2.5).verdict(value) is verdict


def test_a_bound_is_judged_when_its_figure_was_measured() -> None:
    told = judged([figure("a", 2.0), figure("a.age0", 9.0)])
    assert [(each.bound.figure, each.value, each.verdict) for each in told] == [("a", 2.0, Verdict.MET)]


def test_missed_and_void_are_unmet() -> None:
    told = judged([figure("a", 3.0), figure("b.32", 0.9, labs=(0.7,)), figure("c.1", 30.0)])
    assert [each.bound.figure for each in unmet(told)] == ["a", "b.32"]


def test_every_bound_is_on_a_part_and_every_part_has_one() -> None:
    assert {bound.figure.partition(".")[0] for bound in BOUNDS} == set(PARTS)


def test_people_read_value_verdict_and_whose_cpu_it_cost(capsys: pytest.CaptureFixture[str]) -> None:
    figures = [figure("a", 3.25)]
    show_report(MACHINE, figures, judged(figures))
    machine, *lines = capsys.readouterr().out.splitlines()
    assert machine == "2 cores, Python 3.11.7, a durable write of 4096 bytes takes 0.75 ms"
    told = [line.split() for line in lines]
    assert ["a", "broker", "8", "10.0", "1.00", "1.00", "1.0", "0.10", "0.25", "0.50", "10%"] in told
    assert ["a", "about", "a", "<=", "2.5", "3.25", "missed"] in told


def test_machines_read_the_same(tmp_path: Path) -> None:
    figures = [figure("a", 3.25), figure("c.1", 30.0, labs=(0.7,))]
    write_report(tmp_path / "new" / "bench.json", MACHINE, figures, judged(figures))
    told = json.loads((tmp_path / "new" / "bench.json").read_text())
    assert told["machine"] == {"cores": 2, "python": "3.11.7", "durable_write_ms": 0.75}
    assert [(each["figure"], each["value"]) for each in told["figures"]] == [("a", 3.25), ("c.1", None)]
    assert [(each["figure"], each["verdict"]) for each in told["bounds"]] == [
        ("a", "missed"),
        ("c.1", "void"),
    ]


def test_a_judged_bound_says_what_it_is_about() -> None:
    told = Judged(Bound("a", Sense.AT_MOST, 2.5), "one ticket", 2.0).document()
    assert told == {"figure": "a", "name": "one ticket", "bound": "<= 2.5", "value": 2.0, "verdict": "met"}


def test_the_machine_is_told_with_the_disk_of_the_run(tmp_path: Path) -> None:
    told = this_machine(tmp_path)
    assert told.cores >= 1
    assert told.durable_write_ms > 0
