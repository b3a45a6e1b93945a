"""How processes run: what is read once at start, as against the policy, which reloads."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from broker.model.names import VcenterId
from broker.model.policy import Rate
from broker.model.secret import SecretReference
from broker.model.stores import StoreLocation


@dataclass(frozen=True, slots=True)
class TlsListener:
    """TLS on a TCP port, for one box."""

    host: str
    port: int
    certificate: Path
    key: Path


@dataclass(frozen=True, slots=True)
class UnixListener:
    """A Unix socket behind a proxy: the one place where X-Forwarded-For is believed."""

    path: Path


@dataclass(frozen=True, slots=True)
class MetricsTls:
    """TLS for who reads metrics; with `client_ca`, they must show a certificate of it."""

    certificate: Path
    key: Path
    client_ca: Path | None


@dataclass(frozen=True, slots=True)
class MetricsListener:
    """Where metrics are read. Each worker takes one of as many ports as there are workers, from `port` on.

    Without TLS the address is one of the loopback interface.
    """

    host: str
    port: int
    tls: MetricsTls | None


@dataclass(frozen=True, slots=True)
class CheckpointsOut:
    """Where the newest checkpoint goes, and how often, so that it leaves the machine."""

    every_s: float
    file: Path | None
    """None: standard output."""


@dataclass(frozen=True, slots=True)
class AuditSettings:
    """How the log is kept. `keys` is the directory of the keys that sign it."""

    keys: Path
    high_water: Path | None
    """The file of the high-water mark; None: beside the store."""
    checkpoints: CheckpointsOut | None


@dataclass(frozen=True, slots=True)
class ServerSettings:
    """`server.yaml`. `issuer` is this broker's URL, its token issuer and its audience."""

    issuer: str
    listener: TlsListener | UnixListener
    workers: int
    """Processes that serve. What is bounded for all of them is shared out among them."""
    threads: int
    """Of each worker."""
    batch_hosts: int
    """How many hosts one batch may name."""
    store: StoreLocation
    roles: Path
    signing_keys: tuple[SecretReference, ...]
    """EC P-256 keys in PEM: the first signs, all are published and accepted."""
    fingerprint_key: SecretReference
    old_fingerprint_keys: tuple[SecretReference, ...]
    """Make no fingerprints any more, and still find tickets by those that they made."""
    audit: AuditSettings
    redis_url: SecretReference | None
    proof_max_age_s: float
    service_rate: Rate
    failed_authentications: Rate
    """Per address; successes do not count, since hundreds of apps may share one poller's address."""
    recorded_refusals: Rate
    """Refusals recorded singly per app, or per unauthenticated address; the rest are aggregated."""
    disk_reserve_mib: int
    orphan_grace_s: float
    metrics: MetricsListener | None


@dataclass(frozen=True, slots=True)
class ControllerLogin:
    """The privileged credential for one vCenter."""

    user: str
    password: SecretReference


@dataclass(frozen=True, slots=True)
class ControllerSettings:
    """`controller.yaml`: read by the controller and by nothing else."""

    policy: Path
    """The directory of server.yaml, vcenters.yaml, accounts.yaml, apps.yaml and grants.yaml."""
    store: StoreLocation
    audit_keys: Path | None
    """None: those of server.yaml."""
    audit_high_water: Path | None
    """None: that of server.yaml."""
    interval_s: float
    logins: Mapping[VcenterId, ControllerLogin]
