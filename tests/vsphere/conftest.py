"""A scripted vCenter and sessions on it."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from broker.model.policy import Vcenter
from broker.vsphere.sessions import Session
from tests.support.scripted_vcenter import ScriptedVcenter, scripted_vcenter
from tests.support.vcenter_entries import session_on, vcenter_entry

OpenSession = Callable[..., Session]


@pytest.fixture
def scripted(tmp_path: Path) -> Iterator[ScriptedVcenter]:
    with scripted_vcenter(tmp_path) as vcenter:
        yield vcenter


@pytest.fixture
def entry(scripted: ScriptedVcenter) -> Vcenter:
    return vcenter_entry(scripted.host, scripted.port, scripted.anchor, connect_s=10.0, call_s=10.0)


@pytest.fixture
def open_session(entry: Vcenter) -> Iterator[OpenSession]:
    """Gives sessions, and logs them out."""
    opened: list[Session] = []

    def open_session(vcenter: Vcenter = entry, **parts: object) -> Session:
        session = session_on(vcenter, **parts)  # type: ignore[arg-type]
        opened.append(session)
        return session

    yield open_session
    for session in opened:
        session.close()
