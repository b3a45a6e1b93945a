"""One app's flood beside another app at its own pace: how late the last of the other's tickets come."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from time import perf_counter

import pytest

from broker.client.api import BrokerClient
from broker.client.tokens import SecretCredential
from broker.demo.processes import run
from broker.model.secret import SecretFile
from broker.secrets import read_secret
from tests.bench.ground import Ground, new_ground
from tests.bench.labs import LabSize
from tests.bench.measurement import Measurement
from tests.bench.served import BrokerSide, serving_broker
from tests.bench.site import Serving, Sizes

CALM = "app-0001"
"""The app beside the one that floods."""

FLOOD = 64
"""Connections that each ask for the next ticket as soon as they have one."""

SAMPLES = 300
ROUNDS = 5

pytestmark = [pytest.mark.soak, pytest.mark.alone, pytest.mark.timeout(600)]


@pytest.fixture
def ground(tmp_path: Path) -> Iterator[Ground]:
    with new_ground(tmp_path / "ground", 1, LabSize(40), Sizes(apps=2)) as ground:
        secret = str(tmp_path / "secret")
        run("apps", "add", CALM, "--secret-file", secret, "--config", str(ground.site.config))
        yield ground


@contextmanager
def flooded(broker: BrokerSide) -> Iterator[list[Measurement]]:
    """A flood that begins within the first samples and lasts as long as they do."""
    told: list[Measurement] = []
    flood = threading.Thread(target=lambda: told.append(broker.measure(FLOOD, 20.0)))
    flood.start()
    try:
        yield told
    finally:
        flood.join()


def p99_of(client: BrokerClient, ground: Ground) -> float:
    """Milliseconds, of tickets asked for one after the other on one connection."""
    took: list[float] = []
    for number in range(SAMPLES):
        target = ground.targets[number % len(ground.targets)]
        began = perf_counter()
        client.ticket(target.name)
        took.append(1000 * (perf_counter() - began))
    return sorted(took)[int(0.99 * SAMPLES)]


def test_one_apps_flood_does_not_raise_anothers_p99_beyond_twice_its_quiet_value(
    ground: Ground, tmp_path: Path
) -> None:
    credential = SecretCredential(CALM, read_secret(SecretFile(tmp_path / "secret")))
    with (
        serving_broker(ground, Serving(threads=16, concurrency=8)) as broker,
        BrokerClient(ground.site.url, ground.site.broker_ca, credential) as client,
    ):
        p99_of(client, ground)
        ratios = []
        for _ in range(ROUNDS):
            quiet = p99_of(client, ground)
            with flooded(broker) as flood:
                ratios.append(p99_of(client, ground) / quiet)
            print(f"quiet p99 {quiet:.1f} ms, flooded {ratios[-1]:.2f} times; flood", flood[0].answers)
    assert median(ratios) <= 2.0
