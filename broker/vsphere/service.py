"""vCenter as the serving side knows it: the ports Hosts, HostListing, Prover and TicketOffice."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from threading import Lock, Thread

from broker.errors import Reason, Refused
from broker.model.inventory import Host, HostFacts, Sighting
from broker.model.issuance import Proof, VcenterTicket
from broker.model.names import AccountId, HostName, VcenterId
from broker.model.policy import Account, Policy, Vcenter
from broker.policy.decide import found_by, meant
from broker.ports.clock import Clock
from broker.ports.issuing import PolicySource
from broker.ports.metering import UNMETERED, CallMeter, VcenterLoad
from broker.ports.operation import LoginLatch
from broker.secrets import SecretReader
from broker.vsphere.account import AccountRoom, AccountState
from broker.vsphere.gate import Gates

CLOSE_WITHIN_S = 10.0
"""Logging out takes so long at most, all accounts together."""


class Vsphere:
    """One room per low-privilege account of the policy.

    `start` begins to log in and to follow inventories in threads of their own, so a vCenter
    that is down delays nothing; `follow` brings the rooms in line with another policy.
    """

    def __init__(
        self,
        policy: PolicySource,
        latch: LoginLatch,
        clock: Clock,
        read_secret: SecretReader,
        proof_max_age_s: float,
        gates: Gates,
        meter: CallMeter = UNMETERED,
    ) -> None:
        self._policy = policy
        self._latch = latch
        self._clock = clock
        self._read_secret = read_secret
        self._proof_max_age_s = proof_max_age_s
        self._gates = gates
        self._meter = meter
        self._changing = Lock()
        self._rooms: Mapping[AccountId, AccountRoom] = {}
        self._closed = False

    def start(self) -> None:
        """Open a room for every account of the policy in force."""
        self.follow(self._policy.current())

    def follow(self, policy: Policy) -> None:
        """Open, close and replace rooms so that they are those of `policy`.

        An account whose user, secret reference and vCenter are as before keeps its session. Old
        rooms are closed in the background.
        """
        with self._changing:
            if self._closed:
                return
            before = self._rooms
            rooms = {a.id: self._room(a, policy.vcenters[a.vcenter]) for a in policy.accounts.values()}
            self._gates.keep(policy.vcenters)
            self._rooms = rooms
        for account, room in rooms.items():
            if before.get(account) is not room:
                room.start()
        _close([room for account, room in before.items() if rooms.get(account) is not room])

    def find(self, name: HostName, accounts: Iterable[AccountId]) -> tuple[Sighting, ...]:
        """See `Hosts.find`."""
        return found_by(name, accounts, lambda account: self._of(account).find(name))

    def seen(self, name: HostName, accounts: Iterable[AccountId]) -> tuple[Sighting, ...]:
        """See `Hosts.seen`."""
        rooms = (room for account in accounts if (room := self._rooms.get(account)))
        return meant(name, (sighting for room in rooms for sighting in room.seen(name)))

    def visible(self, account: AccountId) -> tuple[Sighting, ...]:
        """See `HostListing.visible`."""
        return self._of(account).visible()

    def facts(self, account: AccountId, host: Host) -> HostFacts:
        """See `Hosts.facts`."""
        return self._of(account).facts(host)

    def expect_facts(self, account: AccountId, hosts: Iterable[Host]) -> bool:
        """See `Hosts.expect_facts`."""
        room = self._rooms.get(account)
        return room is not None and room.expect_facts(hosts)

    def known_facts(self, account: AccountId, host: Host) -> HostFacts | None:
        """The host's facts as they were read in the last minute, or None; vCenter is asked nothing."""
        room = self._rooms.get(account)
        return room.known_facts(host) if room else None

    def forget_facts(self, account: AccountId, host: Host) -> None:
        """See `Hosts.forget_facts`."""
        self._of(account).forget_facts(host)

    def prove(self, account: AccountId, host: Host) -> Proof:
        """See `Prover.prove`."""
        return self._of(account).prove(host)

    def expect_proofs(self, account: AccountId, hosts: Iterable[Host]) -> bool:
        """See `Prover.expect_proofs`."""
        room = self._rooms.get(account)
        return room is not None and room.expect_proofs(hosts)

    def drop(self, account: AccountId, host: Host) -> None:
        """See `Prover.drop`."""
        self._of(account).drop(host)

    def acquire(
        self, account: AccountId, host: Host, operation_id: str, permit: Callable[[], None]
    ) -> VcenterTicket:
        """See `TicketOffice.acquire`."""
        return self._of(account).acquire(host, operation_id, permit)

    def states(self) -> Mapping[AccountId, AccountState]:
        """How every account stands, for /readyz. Asks vCenter nothing."""
        return {account: room.state() for account, room in self._rooms.items()}

    def loads(self) -> Mapping[VcenterId, VcenterLoad]:
        """What goes on at every vCenter that an account is for. Asks vCenter nothing."""
        sessions = Counter(room.vcenter.id for room in self._rooms.values() if room.state().logged_in)
        gates = {room.vcenter.id: self._gates.of(room.vcenter) for room in self._rooms.values()}
        return {v: VcenterLoad(sessions[v], gate.running, gate.waiting) for v, gate in gates.items()}

    def reachable(self) -> bool:
        """Whether any account can get a ticket, as far as is known."""
        return any(state.usable for state in self.states().values())

    def close(self) -> None:
        """Log every account out, within CLOSE_WITHIN_S; what still runs is ended."""
        with self._changing:
            self._closed = True
            rooms, self._rooms = self._rooms, {}
        closing = _close(list(rooms.values()))
        deadline = self._clock.monotonic() + CLOSE_WITHIN_S
        for thread in closing:
            thread.join(max(0.0, deadline - self._clock.monotonic()))

    def _of(self, account: AccountId) -> AccountRoom:
        room = self._rooms.get(account)
        if room is None:
            reason = Reason.SHUTTING_DOWN if self._closed else Reason.INVENTORY_STALE
            raise Refused(reason, f"{account}: no such account now")
        return room

    def _room(self, account: Account, vcenter: Vcenter) -> AccountRoom:
        room = self._rooms.get(account.id)
        if room is not None and room.vcenter == vcenter and _same_login(room.account, account):
            return room
        return AccountRoom(
            account,
            vcenter,
            self._gates.of(vcenter),
            self._latch,
            self._clock,
            self._read_secret,
            self._proof_max_age_s,
            self._meter,
        )


def _same_login(one: Account, other: Account) -> bool:
    return (one.user, one.password) == (other.user, other.password)


def _close(rooms: list[AccountRoom]) -> list[Thread]:
    threads = [Thread(target=r.close, name=f"log-out-{r.account.id}", daemon=True) for r in rooms]
    for thread in threads:
        thread.start()
    return threads
