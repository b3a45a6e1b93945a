"""Policy entries and small parts with which a test reaches one vCenter."""

import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Lock

from broker.clock import SystemClock
from broker.errors import Reason, Refused
from broker.model.inventory import Connection, Host, HostRef
from broker.model.names import AccountId, HostName, Moid, VcenterId
from broker.model.policy import Account, Policy, Vcenter
from broker.model.secret import Secret, SecretFile
from broker.ports.clock import Clock
from broker.ports.metering import UNMETERED, CallMeter
from broker.ports.operation import LoginLatch, Unanswered
from broker.secrets import read_secret
from broker.vsphere.gate import Gate, Gates, Patience
from broker.vsphere.login import SecretSource
from broker.vsphere.sessions import Session, session_of
from tests.support.scripted_vcenter import UUID

PASSWORD = "Pa55word-canary-0001"
USER = "cim-a@vsphere.local"
ACCOUNT = AccountId("cim-a")
PROD = VcenterId("prod")


class MemoryLatch:
    """A login latch that keeps what the store's keeps, for one process."""

    def __init__(self) -> None:
        self.shut: set[tuple[VcenterId, str, str]] = set()
        self.lost: dict[tuple[VcenterId, str, str], Unanswered] = {}
        self._turns = defaultdict[tuple[VcenterId, str], Lock](Lock)

    @contextmanager
    def turn(self, vcenter: VcenterId, user: str, patience_s: float) -> Iterator[None]:
        turn = self._turns[vcenter, user]
        if not turn.acquire(timeout=patience_s):
            raise Refused(Reason.VCENTER_BUSY)
        try:
            yield
        finally:
            turn.release()

    def closed(self, vcenter: VcenterId, user: str, secret_digest: str) -> bool:
        return (vcenter, user, secret_digest) in self.shut

    def close(self, vcenter: VcenterId, user: str, secret_digest: str) -> None:
        self.shut.add((vcenter, user, secret_digest))
        self.lost.pop((vcenter, user, secret_digest), None)

    def clear(self, vcenter: VcenterId, user: str) -> None:
        self.shut = {key for key in self.shut if key[:2] != (vcenter, user)}
        self.lost = {key: lost for key, lost in self.lost.items() if key[:2] != (vcenter, user)}

    def unanswered(self, vcenter: VcenterId, user: str, secret_digest: str) -> Unanswered | None:
        return self.lost.get((vcenter, user, secret_digest))

    def put_unanswered(
        self, vcenter: VcenterId, user: str, secret_digest: str, unanswered: Unanswered | None
    ) -> None:
        self.lost.pop((vcenter, user, secret_digest), None)
        if unanswered is not None:
            self.lost[vcenter, user, secret_digest] = unanswered


def vcenter_entry(
    host: str, port: int, anchor: Path, *, connect_s: float = 3.0, call_s: float = 6.0, concurrency: int = 4
) -> Vcenter:
    """The entry of vcenters.yaml."""
    return Vcenter(PROD, host, port, anchor, concurrency, connect_s, call_s, 9)


def secret_file(folder: Path, value: str = PASSWORD) -> SecretFile:
    """A file with mode 0600."""
    path = folder / "password"
    path.touch(mode=0o600)
    path.write_text(value + "\n")
    return SecretFile(path)


def account_entry(password: SecretFile, user: str = USER, name: AccountId = ACCOUNT) -> Account:
    """The entry of accounts.yaml."""
    return Account(name, PROD, user, password, frozenset(), frozenset())


def policy_of(vcenter: Vcenter, *accounts: Account, revision: str = "r1") -> Policy:
    """A policy of accounts only."""
    return Policy(revision, {vcenter.id: vcenter}, {a.id: a for a in accounts}, {}, {}, {})


def gate_of(vcenter: Vcenter, patience: Patience | None = None) -> Gate:
    """The gate of a vCenter that is the only one."""
    return Gates(16, SystemClock(), patience or Patience()).of(vcenter)


def session_on(
    vcenter: Vcenter,
    *,
    user: str = USER,
    secret: SecretSource = lambda: Secret(PASSWORD),
    latch: LoginLatch | None = None,
    gate: Gate | None = None,
    clock: Clock | None = None,
    meter: CallMeter = UNMETERED,
) -> Session:
    """One account's session."""
    return session_of(
        vcenter,
        user,
        secret,
        latch or MemoryLatch(),
        gate or gate_of(vcenter),
        clock or SystemClock(),
        meter,
    )


def reader_of(secret: SecretFile) -> SecretSource:
    """Reads the file anew at each call."""
    return lambda: read_secret(secret)


def host_entry(moid: str = "host-11", name: str = "esx01.example.com", uuid: str = UUID) -> Host:
    """A host as the inventory gives it."""
    ref = HostRef(PROD, uuid, Moid(moid))
    return Host(ref, HostName(name), (), (Moid("group-d1"),), Connection.CONNECTED, "8.0.3", None)


def until(condition: Callable[[], bool], within_s: float = 10.0) -> None:
    """Wait for a condition; fail when it does not come true in time."""
    deadline = time.monotonic() + within_s
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError("did not come true in time")
        time.sleep(0.01)
