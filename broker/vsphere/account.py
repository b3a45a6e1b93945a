"""Everything that one low-privilege account does on its vCenter."""

import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from threading import Event, Thread

from broker.errors import Reason, Refused
from broker.model.inventory import Host, HostFacts, Sighting
from broker.model.issuance import Proof, VcenterTicket
from broker.model.names import HostName
from broker.model.policy import Account, Vcenter
from broker.policy.decide import INVENTORY_MAX_AGE_S
from broker.ports.clock import Clock
from broker.ports.metering import CallMeter
from broker.ports.operation import LoginLatch
from broker.secrets import SecretReader
from broker.vsphere.facts import Facts
from broker.vsphere.gate import Gate
from broker.vsphere.lookup import look_up
from broker.vsphere.proof import Proofs
from broker.vsphere.sessions import session_of
from broker.vsphere.tickets import acquire
from broker.vsphere.watcher import Watcher

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class AccountState:
    """How an account stands with its vCenter, for health checks: nothing is asked for it."""

    logged_in: bool
    age_s: float | None
    """Seconds since vCenter confirmed the inventory; None before the first full sync."""
    trouble: Reason | None
    """Why the account cannot log in, or its inventory not be followed; None as far as all is well."""

    @property
    def synced(self) -> bool:
        """Whether the account knows its hosts; until then each is looked up on demand."""
        return self.age_s is not None

    @property
    def usable(self) -> bool:
        """Whether this account can get a ticket, as far as is known.

        A session that ended is no trouble: the next request logs in again. Before the first log-in
        has succeeded, nothing is known.
        """
        if self.trouble is not None:
            return False
        return self.logged_in if self.age_s is None else self.age_s <= INVENTORY_MAX_AGE_S


class AccountRoom:
    """One account's session, inventory, facts, proofs and tickets."""

    def __init__(
        self,
        account: Account,
        vcenter: Vcenter,
        gate: Gate,
        latch: LoginLatch,
        clock: Clock,
        read_secret: SecretReader,
        proof_max_age_s: float,
        meter: CallMeter,
    ) -> None:
        self.account = account
        self.vcenter = vcenter
        self._clock = clock
        self._session = session_of(
            vcenter, account.user, lambda: read_secret(account.password), latch, gate, clock, meter
        )
        self._watcher = Watcher(account.id, vcenter.id, self._session, clock)
        self._facts = Facts(self._session, clock)
        self._proofs = Proofs(self._session, clock, proof_max_age_s)
        self._stop = Event()
        self._refresh_every_s = max(0.5, proof_max_age_s / 4)
        self._threads: list[Thread] = []
        if proof_max_age_s > 0:
            self._threads.append(Thread(target=self._refresh, name=f"proofs-{account.id}", daemon=True))

    def start(self) -> None:
        """Begin to follow the inventory and to prove ahead."""
        self._watcher.start()
        for thread in self._threads:
            thread.start()

    def find(self, name: HostName) -> tuple[Sighting, ...]:
        """Every host of that name. Raises Refused where the account does not know all hosts just now."""
        known = self._watcher.confirmed
        if known is None:
            return self._looked_up(name)
        age_s = self._clock.monotonic() - known.at
        found = known.inventory.find(name)
        unseen_as = Reason.INVENTORY_STALE if age_s > INVENTORY_MAX_AGE_S else None
        if not found and unseen_as:
            raise Refused(unseen_as, f"{self.account.id}: last confirmed {age_s:.0f} s ago")
        return tuple(Sighting(self.account.id, host, age_s, unseen_as) for host in found)

    def seen(self, name: HostName) -> tuple[Sighting, ...]:
        """See `Hosts.seen`."""
        known = self._watcher.confirmed
        if known is None:
            return ()
        age_s = self._clock.monotonic() - known.at
        return tuple(Sighting(self.account.id, host, age_s) for host in known.inventory.find(name))

    def visible(self) -> tuple[Sighting, ...]:
        """Every host of the inventory. Raises Refused before the first full sync."""
        known = self._watcher.confirmed
        if known is None:
            trouble = self._session.trouble or Reason.INVENTORY_STALE
            raise Refused(trouble, f"{self.account.id}: not synced yet")
        age_s = self._clock.monotonic() - known.at
        return tuple(Sighting(self.account.id, host, age_s) for host in known.inventory.all)

    def _looked_up(self, name: HostName) -> tuple[Sighting, ...]:
        asked_at = self._clock.monotonic()
        found = self._session.run(lambda link: look_up(self.vcenter.id, name, link))
        unseen_as = Reason.INVENTORY_STALE
        if not found:
            raise Refused(unseen_as, f"{self.account.id}: not synced yet")
        age_s = self._clock.monotonic() - asked_at
        return tuple(Sighting(self.account.id, host, age_s, unseen_as) for host in found)

    def facts(self, host: Host) -> HostFacts:
        """See `Hosts.facts`."""
        return self._facts.of(host)

    def expect_facts(self, hosts: Iterable[Host]) -> bool:
        """See `Hosts.expect_facts`."""
        return self._facts.expect(hosts)

    def known_facts(self, host: Host) -> HostFacts | None:
        """See `Vsphere.known_facts`."""
        return self._facts.known(host)

    def forget_facts(self, host: Host) -> None:
        """See `Hosts.forget_facts`."""
        self._facts.forget(host)

    def prove(self, host: Host) -> Proof:
        """See `Prover.prove`."""
        return self._proofs.prove(host)

    def expect_proofs(self, hosts: Iterable[Host]) -> bool:
        """See `Prover.expect_proofs`."""
        return self._proofs.expect(hosts)

    def drop(self, host: Host) -> None:
        """See `Prover.drop`."""
        self._proofs.drop(host)

    def acquire(self, host: Host, operation_id: str, permit: Callable[[], None]) -> VcenterTicket:
        """See `TicketOffice.acquire`."""

        def check() -> None:
            self._proofs.check(host)
            permit()

        return acquire(self._session, host, operation_id, check)

    def state(self) -> AccountState:
        """As far as is known without asking vCenter."""
        known = self._watcher.confirmed
        return AccountState(
            logged_in=self._session.logged_in,
            age_s=None if known is None else self._clock.monotonic() - known.at,
            trouble=self._session.trouble or self._watcher.trouble,
        )

    def close(self) -> None:
        """Log out, end what runs, and wait for the threads. Never raises."""
        self._stop.set()
        self._watcher.stop()
        self._session.close()
        self._watcher.join(1.0)
        for thread in self._threads:
            if thread.is_alive():
                thread.join(1.0)

    def _refresh(self) -> None:
        while not self._stop.wait(self._refresh_every_s):
            try:
                self._proofs.refresh()
            except Refused as refusal:
                _LOG.warning("proofs of %s: %s", self.account.id, refusal)
            except Exception as defect:  # noqa: BLE001 - the thread must outlive whatever an answer was made of
                _LOG.error("proofs of %s: %s", self.account.id, type(defect).__name__)
