"""A figure is the median of the rounds that count."""

from dataclasses import replace

import pytest

from tests.bench.figures import Figure, Sample, rates, samples, side_by_side
from tests.bench.measurement import Answers, Cpu, Measurement
from tests.bench.throughput import best_of

BUSY = (0.8, 0.8)
IDLE = (0.1, 0.1)


def measured(rate: int, labs: tuple[float, ...] = IDLE, side: str = "broker") -> Measurement:
    answers = Answers.of_loops([(1.0, [1_000] * rate)], failed=0)
    return Measurement(side, 1, answers, Cpu(1.0, cores=2, labs=labs, load=0.0, broker=0.0))


def figure(*values: float, void: int = 0) -> Figure:
    """The first `void` rounds are void."""
    parts = [(measured(1, BUSY if number < void else IDLE),) for number in range(len(values))]
    return Figure("b.32", "a ratio", "", "", tuple(map(Sample, values, parts)))


def test_a_figure_is_the_median_of_its_rounds() -> None:
    assert figure(0.5, 0.9, 0.4, 0.6, 0.7).value == 0.6


def test_void_rounds_are_left_out_and_told() -> None:
    told = figure(9.0, 9.0, 0.4, 0.6, 0.7, void=2)
    assert told.value == 0.6
    assert told.notes == (
        "round 1 is void: the lab used 80% of the CPU",
        "round 2 is void: the lab used 80% of the CPU",
    )


@pytest.mark.parametrize("void", [3, 5])
def test_a_figure_is_void_where_most_rounds_are(void: int) -> None:
    assert figure(0.5, 0.9, 0.4, 0.6, 0.7, void=void).value is None


def test_a_round_is_void_where_any_of_its_sides_is() -> None:
    parts = (measured(10), measured(20, BUSY))
    assert Sample(2.0, parts).void == "the lab used 80% of the CPU"


def test_a_ratio_is_of_what_was_measured_in_one_round() -> None:
    rounds = [(measured(10), measured(5)), (measured(40), measured(10))]
    assert [each.value for each in samples(rounds, lambda bare, broker: rates(broker, bare))] == [0.5, 0.25]


def test_sides_take_turns_in_going_first_and_are_told_in_one_order() -> None:
    asked: list[str] = []

    def side(name: str) -> Measurement:
        asked.append(name)
        return replace(measured(1), side=name)

    told = side_by_side(3, lambda: side("bare"), lambda: side("broker"))
    assert asked == ["bare", "broker", "broker", "bare", "bare", "broker"]
    assert [[each.side for each in parts] for parts in told] == [["bare", "broker"]] * 3


def test_the_best_number_of_workers_has_the_highest_ratio_that_is_not_void() -> None:
    assert best_of([figure(0.3), figure(0.6), figure(0.5)]) == 1
    assert best_of([figure(0.3), figure(0.9, void=1), figure(0.5)]) == 2


def test_a_document_holds_every_round_the_void_ones_too() -> None:
    told = figure(0.9, 0.5, 0.7, void=1).document()
    assert told["value"] == 0.6
    assert [each["value"] for each in told["rounds"]] == [0.9, 0.5, 0.7]
    assert [each["void"] is None for each in told["rounds"]] == [False, True, True]
