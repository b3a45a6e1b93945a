"""What the reader of batches makes of answers."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from itertools import repeat
from pathlib import Path

import pytest

from tests.bench.reader import Reader, measured
from tests.support.certificates import self_signed
from tests.support.https import Reply, https_server

BATCH = {"hosts": ["esx0001.lab.example", "esx0002.lab.example"]}
TICKET = b'{"index": 0, "host": "esx0001.lab.example", "ticket": {}}\n'
PROBLEM = b'{"index": 1, "host": "esx0002.lab.example", "problem": {}}\n'
SUMMARY = b'{"summary": {"asked": 2}}\n'

Answered = Callable[[int, bytes], Reader]


@pytest.fixture
def answered(tmp_path: Path) -> Iterator[Answered]:
    """A reader whose every batch is answered so."""
    certificate = self_signed("localhost")
    anchor = tmp_path / "anchor.pem"
    anchor.write_text(certificate.pem)
    answers: list[Reply] = []
    with https_server(tmp_path, certificate, lambda _: answers[-1]) as server, ExitStack() as readers:

        def answering(status: int, body: bytes) -> Reader:
            answers.append(Reply(status, body))
            return readers.enter_context(closing(Reader(server.port, str(anchor))))

        yield answering


def test_each_line_but_the_summary_is_a_host_with_a_ticket_or_without(answered: Answered) -> None:
    assert answered(200, TICKET + PROBLEM + TICKET + SUMMARY).read("a-token", BATCH) == (2, 1)


@pytest.mark.parametrize(("status", "body"), [(200, TICKET), (429, SUMMARY)])
def test_what_is_cut_or_no_batch_is_no_measurement(answered: Answered, status: int, body: bytes) -> None:
    with pytest.raises(RuntimeError):
        answered(status, body).read("a-token", BATCH)


def test_batches_are_counted_until_the_time_is_up(answered: Answered) -> None:
    told = measured(answered(200, TICKET + PROBLEM + SUMMARY), "a-token", repeat(BATCH), seconds=0.05)
    assert told["tickets"] == told["failed"] == len(told["batches"]) > 0
    assert sum(told["batches"]) / 1e6 == pytest.approx(told["seconds"], rel=0.01)
    assert told["seconds"] >= 0.05
