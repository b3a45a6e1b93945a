"""Simulators and plain pyVmomi sessions on them."""

from collections.abc import Callable, Iterator
from pathlib import Path
from ssl import SSLContext, create_default_context
from typing import Any

import pytest
from pyVmomi import vim
from pyVmomi.SoapAdapter import SoapStubAdapter

from tests.support.vcsim import ADMIN, SimulatedUser, Simulator, running_vcsim

Remote = Any
"""A managed object or a value of pyVmomi: its own types say less than its run-time tables."""

LogIn = Callable[[Simulator, SimulatedUser], Remote]


@pytest.fixture
def stock(tmp_path: Path) -> Iterator[Simulator]:
    with running_vcsim(tmp_path, "stock") as simulator:
        yield simulator


@pytest.fixture
def corrected(tmp_path: Path) -> Iterator[Simulator]:
    with running_vcsim(tmp_path, "broker") as simulator:
        yield simulator


@pytest.fixture
def log_in() -> Iterator[LogIn]:
    """Gives logged-in connections, each of its own, and closes them."""
    stubs: list[Remote] = []

    def log_in(simulator: Simulator, user: SimulatedUser) -> Remote:
        stub = stub_of(simulator, create_default_context(cafile=str(simulator.anchor)))
        stubs.append(stub)
        instance = managed(vim.ServiceInstance, "ServiceInstance", stub)
        instance.content.sessionManager.Login(user.name, user.password)
        return instance

    yield log_in
    for stub in stubs:
        stub.DropConnections()


def stub_of(simulator: Simulator, context: SSLContext) -> Remote:
    """A connection without a session, at the API release that the simulator announces."""
    adapter: Remote = SoapStubAdapter
    return adapter(
        host=simulator.host, port=simulator.port, sslContext=context, version="vim.version.version11"
    )


def managed(kind: Remote, moid: str, stub: Remote) -> Remote:
    """The object of that id as another session sees it."""
    return kind(moid, stub)


@pytest.fixture
def admin(corrected: Simulator, log_in: LogIn) -> Remote:
    return log_in(corrected, ADMIN)
