"""Simulators and plain pyVmomi sessions on them."""

from collections.abc import Callable, Iterator
from pathlib import Path
from ssl import SSLContext, create_default_context

import pytest
from pyVmomi import SoapStubAdapter, vim

from tests.support.vcsim import ADMIN, SimulatedUser, Simulator, running_vcsim

LogIn = Callable[[SimulatedUser], vim.ServiceInstance]


@pytest.fixture
def stock(tmp_path: Path) -> Iterator[Simulator]:
    with running_vcsim(tmp_path, "stock") as simulator:
        yield simulator


@pytest.fixture
def corrected(tmp_path: Path) -> Iterator[Simulator]:
    with running_vcsim(tmp_path, "broker") as simulator:
        yield simulator


def service_instance(simulator: Simulator) -> vim.ServiceInstance:
    """A connection that verifies the simulator's certificate, without a session."""
    context: SSLContext = create_default_context(cafile=str(simulator.anchor))
    stub = SoapStubAdapter(
        host=simulator.host, port=simulator.port, sslContext=context, version="vim.version.version11"
    )
    return vim.ServiceInstance("ServiceInstance", stub)


def session_of(simulator: Simulator, user: SimulatedUser) -> vim.ServiceInstance:
    """A logged-in connection of its own."""
    instance = service_instance(simulator)
    instance.content.sessionManager.Login(user.name, user.password)
    return instance


@pytest.fixture
def admin(corrected: Simulator) -> vim.ServiceInstance:
    return session_of(corrected, ADMIN)
