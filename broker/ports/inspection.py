"""What is asked of a vCenter, on the privileged session, to say how it stands. Changes nothing there."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from broker.model.inventory import Host, HostFacts, HostRef
from broker.model.names import Moid
from broker.model.policy import Account, Vcenter
from broker.model.survey import Survey
from broker.model.tree import Entity


class Handshake(StrEnum):
    """How TLS with a vCenter ended."""

    VERIFIED = "verified"
    UNREACHABLE = "unreachable"
    UNTRUSTED = "untrusted"
    OTHER_NAME = "other_name"
    OUTSIDE_VALIDITY = "outside_validity"


@dataclass(frozen=True, slots=True)
class Greeting:
    """TLS with a vCenter, verified as every connection is.

    `detail` is why it failed, in words of ours or of OpenSSL's closed list; `not_after` is the end of the
    certificate that was shown, known of a verified one only.
    """

    handshake: Handshake
    detail: str
    not_after: datetime | None


class Greeter(Protocol):
    """Makes TLS connections and sends nothing on them."""

    def greet(self, vcenter: Vcenter) -> Greeting:
        """One handshake, inside the vCenter's connect timeout. Raises nothing."""
        ...


class Inspection(Protocol):
    """One vCenter. Every method raises Refused and LogUnavailable as Administration does."""

    def survey(self) -> Survey:
        """Roles, permissions and tree, in a constant number of calls."""
        ...

    def now(self) -> datetime:
        """The vCenter's own time."""
        ...

    def user(self) -> str:
        """The privileged account as vCenter writes it."""
        ...

    def session_users(self) -> tuple[str, ...]:
        """The user of every session. Takes Sessions.TerminateSession: ask for it only where that is held.

        A refused privilege check leaves an event in vCenter.
        """
        ...

    def effective(self, user: str, entities: Sequence[Entity]) -> Mapping[Moid, frozenset[str]]:
        """All that the user holds there, groups included, without the three of every role (System.*).

        An object of which vCenter says nothing is left out.
        """
        ...

    def seen_by(self, user: str, entities: Sequence[Entity]) -> frozenset[Moid]:
        """Those of the objects that the user may see at all (System.View)."""
        ...

    def knows(self, user: str) -> bool | None:
        """Whether the user is in vCenter's directory; None where it cannot be asked of that domain."""
        ...

    def refused_logins(self, since: datetime) -> Mapping[str, int]:
        """How many log-ins vCenter refused since then, by canonical user, as far as its events tell."""
        ...

    def hosts(self) -> tuple[Host, ...]:
        """Every host, in pages."""
        ...

    def facts(self, hosts: Sequence[HostRef]) -> Mapping[HostRef, HostFacts]:
        """Service, firewall and certificate of so many hosts, in one call: some 100 KB each.

        A host of which vCenter says nothing is left out.
        """
        ...

    def thumbprints(self, hosts: Sequence[HostRef]) -> Mapping[HostRef, str]:
        """The certificate that vCenter knows each host by: its digest, by an algorithm that is not said.

        A host of which vCenter says nothing is left out. One call.
        """
        ...

    def close(self) -> None:
        """Log out. Never raises."""
        ...


class LogInTrial(Protocol):
    """Tries the password of a low-privilege account, under the same latch as every log-in."""

    def log_in(self, account: Account) -> None:
        """Log in once and out again.

        Raises Refused(LOGIN_LATCHED) where vCenter refuses the password, or did so before;
        SecretUnavailable where this process may not read it; else Refused as a log-in does.
        """
        ...
