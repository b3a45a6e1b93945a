"""What is made of latencies and CPU seconds."""

import pytest

from tests.bench.measurement import Answers, Cpu, Latency, Measurement


def cpu(labs: tuple[float, ...] = (0.1,), seconds: float = 1.0) -> Cpu:
    return Cpu(seconds, cores=2, labs=labs, load=0.1, broker=0.5)


def measured(failed: int = 0, used: Cpu | None = None) -> Measurement:
    return Measurement("broker", 1, Answers.of_loops([(1.0, [1_000] * 10)], failed), used or cpu())


def test_a_percentile_is_the_answer_at_its_rank() -> None:
    assert Latency.of([each * 1_000 for each in range(200, 0, -1)]) == Latency(100.0, 180.0, 198.0, 200.0)


def test_of_one_answer_every_percentile_is_that_one() -> None:
    assert Latency.of([2_500]) == Latency(2.5, 2.5, 2.5, 2.5)


def test_no_answer_is_an_error_and_no_figure() -> None:
    with pytest.raises(ValueError, match="no ticket came"):
        Answers.of_loops([(0.0, [])], failed=3)


def test_each_connection_is_counted_over_its_own_time() -> None:
    answers = Answers.of_loops([(2.0, [1_000] * 10), (4.0, [1_000] * 10), (0.0, [])], failed=0)
    assert (answers.tickets, answers.rate) == (20, 7.5)


def test_a_measurement_counts_while_the_labs_use_no_more_than_their_share() -> None:
    assert measured(used=cpu(labs=(0.6, 0.6))).void is None
    assert measured(used=cpu(labs=(0.61, 0.61))).void == "the lab used 61% of the CPU"


def test_the_labs_share_is_that_of_the_window() -> None:
    assert cpu(labs=(0.5, 0.5), seconds=4.0).lab_share == 0.125


def test_a_lab_process_that_is_busy_all_the_time_makes_a_measurement_void() -> None:
    assert measured(used=cpu(labs=(0.95, 0.0))).void == "one lab process used 95% of a CPU"


def test_a_measurement_without_a_lab_has_no_busy_one() -> None:
    assert measured(used=cpu(labs=())).void is None


def test_an_answer_that_was_no_ticket_makes_a_measurement_void() -> None:
    assert measured(failed=2).void == "2 of 12 answers were no tickets"


def test_a_document_tells_what_a_reader_would_work_out() -> None:
    told = measured(failed=2).document()
    assert (told["lab_share"], told["void"]) == (0.05, "2 of 12 answers were no tickets")
