"""server.yaml and controller.yaml as admins write them."""

from ipaddress import ip_address
from typing import Annotated

from pydantic import Field, model_validator

from broker.policy.files import RateOf, RateText, Reference, Strict
from broker.policy.grammar import FILLED, Address, FilePath, Host, Id, Issuer, RolePrefix, User, refuse
from broker.policy.store_files import StoreOf


class TlsEntry(Strict):
    """TLS on a TCP port."""

    host: Host = Field(description="Address to listen on.")
    port: int = Field(ge=0, le=65535, description="Port to listen on; 0 lets the system choose.")
    certificate: FilePath = Field(description="The server's certificate chain in PEM.")
    key: FilePath = Field(description="File with mode 0600 that holds the certificate's private key.")


class UnixEntry(Strict):
    """A Unix socket behind a proxy."""

    path: FilePath = Field(description="The socket. Only on it is the last X-Forwarded-For entry believed.")


class ListenerEntry(Strict):
    """Where apps connect: exactly one of the two."""

    tls: TlsEntry | None = Field(default=None, description="TLS on a TCP port.")
    unix: UnixEntry | None = Field(default=None, description="A Unix socket behind a proxy.")

    @model_validator(mode="after")
    def _one_of_two(self) -> "ListenerEntry":
        if (self.tls is None) == (self.unix is None):
            refuse("needs one way to listen", "Write exactly one of tls and unix")
        return self


class MetricsEntry(Strict):
    """Where Prometheus reads metrics: `GET /metrics`, and nothing else."""

    host: Address = Field(default="127.0.0.1", description="Where to listen; plain HTTP on loopback only.")
    port: int = Field(
        default=9464,
        ge=1,
        le=65535,
        description="The first worker's port; each further worker takes the next free one.",
    )
    certificate: FilePath | None = Field(
        default=None, description="Certificate chain in PEM; needed on every address but loopback."
    )
    key: FilePath | None = Field(
        default=None, description="File with mode 0600 that holds the certificate's private key."
    )
    client_ca: FilePath | None = Field(
        default=None, description="CA in PEM; who reads must then show a certificate of it."
    )

    @model_validator(mode="after")
    def _protected(self) -> "MetricsEntry":
        if (self.certificate is None) != (self.key is None):
            refuse("has half of what TLS needs", "Write both certificate and key, or neither")
        if self.certificate is None and self.client_ca is not None:
            refuse("has a client_ca and no TLS", "Write certificate and key, too")
        if self.certificate is None and not ip_address(self.host).is_loopback:
            refuse("is plain HTTP for other machines", "Write certificate and key, or listen on 127.0.0.1")
        return self


DEFAULT_KEYS = "audit-keys"


class CheckpointsEntry(Strict):
    """The newest checkpoint as a line of JSON on a beat, to one of the two: a log shipper takes it away."""

    every_s: float = Field(default=60, ge=1, le=3600, description="Seconds from one line to the next.")
    file: FilePath | None = Field(default=None, description="A file that is appended to, mode 0640.")
    stdout: bool = Field(default=False, description="`true`: standard output of `broker serve`.")

    @model_validator(mode="after")
    def _one_of_two(self) -> "CheckpointsEntry":
        if (self.file is None) != self.stdout:
            refuse("needs one way out", "Write exactly one of file, and stdout: true")
        return self


class AuditEntry(Strict):
    """How the log is kept."""

    keys: FilePath = Field(
        default=DEFAULT_KEYS,
        description="The folder of the keys that sign the log, 0600 each; `broker audit keys init` makes it.",
    )
    high_water: FilePath | None = Field(
        default=None,
        description="The file of the high-water mark, best on another disk; else beside the store.",
    )
    checkpoints: CheckpointsEntry | None = Field(
        default=None, description="Where checkpoints go to leave the machine; without it, nowhere."
    )


class ServerFile(Strict):
    """How `broker serve` runs: read at start; a reload takes signing keys, roles and role prefix."""

    issuer: Issuer = Field(description="This broker's URL: issuer and audience of its access tokens.")
    listener: ListenerEntry = Field(description="Where apps connect.")
    workers: int = Field(
        default=1,
        ge=1,
        le=32,
        description="Processes that serve; more than one needs `redis_url`. What each has is said above.",
    )
    threads: int = Field(
        default=16, ge=1, le=128, description="Requests that may run at once in each worker."
    )
    batch_hosts: int = Field(
        default=100, ge=1, le=1000, description="Hosts that one request to /v1/tickets:batch may name."
    )
    store: StoreOf = Field(description="Where log and state are: the path of a SQLite file, or a database.")
    roles: FilePath = Field(description="The folder of the role templates.")
    role_prefix: RolePrefix = Field(
        default="cim-broker-", description="Begins the name of every role that the broker makes in vCenter."
    )
    signing_keys: Annotated[tuple[Reference, ...], FILLED] = Field(
        max_length=8,
        description="EC P-256 private keys in PEM. The first signs access tokens, all are published.",
    )
    fingerprint_key: Reference = Field(
        description="Key for the fingerprints of tickets in the log; 32 random bytes or more."
    )
    old_fingerprint_keys: tuple[Reference, ...] = Field(
        default=(),
        max_length=64,
        description="Keys that were `fingerprint_key` before: `broker audit find-ticket` finds by them too.",
    )
    audit: AuditEntry = Field(default=AuditEntry(), description="How the log is kept and signed.")
    redis_url: Reference | None = Field(
        default=None,
        description="URL of a Redis for the rate limits, where several processes share them; forms above.",
    )
    proof_max_age_s: float = Field(
        default=30, ge=0, le=300, description="Seconds a proof of privileges is good for; 0: none is reused."
    )
    service_rate: RateOf = Field(
        default=RateText(count=600, seconds=60), description="Requests of all apps together."
    )
    failed_authentications: RateOf = Field(
        default=RateText(count=20, seconds=60), description="Failed authentications from one address."
    )
    recorded_refusals: RateOf = Field(
        default=RateText(count=120, seconds=60),
        description="Refusals recorded one by one, per app or unauthenticated address; more are summed up.",
    )
    disk_reserve_mib: int = Field(
        default=64, ge=1, le=1_048_576, description="MiB kept free for intents and outcomes."
    )
    orphan_grace_s: float = Field(
        default=30, gt=0, le=3600, description="Seconds past its deadline until an attempt counts as left."
    )
    metrics: MetricsEntry | None = Field(
        default=None, description="Where metrics are read; without it, nowhere."
    )

    @model_validator(mode="after")
    def _marked(self) -> "ServerFile":
        if self.store.sqlite is None and self.audit.high_water is None:
            refuse("keeps its log on a server, and names no file beside it", "Write audit.high_water")
        return self


class LoginEntry(Strict):
    """The privileged credential for one vCenter."""

    user: User = Field(description="Its name with its domain; never one of accounts.yaml.")
    password: Reference = Field(description="Where its password is.")


class ControllerFile(Strict):
    """controller.yaml: read by `broker controller` and `broker roles`, and by nothing that serves."""

    policy: FilePath = Field(description="The folder of server.yaml, accounts.yaml and the others.")
    store: StoreOf = Field(description="The store that `broker serve` uses too.")
    audit_keys: FilePath | None = Field(
        default=None,
        description="Its own folder of the log's keys, where it runs as another user than `serve`.",
    )
    audit_high_water: FilePath | None = Field(
        default=None,
        description="The file of the log's high-water mark, where it is not the one that server.yaml says.",
    )
    interval_s: float = Field(
        default=60,
        ge=1,
        le=86_400,
        description="Seconds between looks at what vCenter holds, beside those at each change it tells of.",
    )
    logins: dict[Id, LoginEntry] = Field(
        description="The privileged credential of each vCenter, by its id in vcenters.yaml."
    )
