"""A running product whose metrics are read as Prometheus reads them."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import requests
from prometheus_client.parser import text_string_to_metric_families

from broker.demo.processes import free_port
from tests.support.stack import Stack, applied_stack

Sample = tuple[str, frozenset[tuple[str, str]]]


class Scraped:
    """What one scrape said: every sample by name and labels, and the type of every family."""

    def __init__(self, text: str) -> None:
        self.text = text
        families = list(text_string_to_metric_families(text))
        self.types = {family.name: family.type for family in families}
        self.samples = {
            (sample.name, frozenset(sample.labels.items())): sample.value
            for family in families
            for sample in family.samples
        }

    def value(self, name: str, **labels: str) -> float:
        """Of one sample; 0 where it was never counted."""
        return self.samples.get((name, frozenset(labels.items())), 0.0)

    def labels(self) -> dict[str, set[str]]:
        """Every sample's name, with the names of its labels."""
        found: dict[str, set[str]] = {}
        for name, labels in self.samples:
            found.setdefault(name, set()).update(label for label, _ in labels)
        return found


class MeasuredStack:
    """A stack and the port of its metrics."""

    def __init__(self, stack: Stack, port: int) -> None:
        self.stack = stack
        self.port = port

    def scrape(self, port: int | None = None) -> Scraped:
        """Read the metrics. Raises requests.ConnectionError while there are none."""
        with requests.Session() as session:
            session.trust_env = False
            answer = session.get(f"http://127.0.0.1:{port or self.port}/metrics", timeout=10)
        assert answer.status_code == 200
        return Scraped(answer.text)


CHECKPOINTS = {"file": "../checkpoints.log"}
"""So that there is an age of them."""


@contextmanager
def measured_stack(root: Path, **server: Any) -> Iterator[MeasuredStack]:
    """Applied, with all metrics and further keys of server.yaml; nothing served yet."""
    with applied_stack(root) as stack:
        port = free_port()
        stack.edit("server.yaml", lambda file: file.update(metrics={"port": port}, **server))
        stack.edit("server.yaml", lambda file: file.setdefault("audit", {}).update(checkpoints=CHECKPOINTS))
        yield MeasuredStack(stack, port)
