"""The files that an admin would write, for the lab's vCenter: one app, one account, one grant."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import yaml

from broker.audit.keys import make_key
from broker.demo.keys import write_private_key, write_random_key, write_server_certificate

APP = "monitoring"
ACCOUNT = "cim-a"
ACCOUNT_USER = "svc-cim-a@vsphere.local"
CONTROLLER_USER = "broker-controller@vsphere.local"
GRANT = "monitoring-cluster-01"
TEMPLATE = "cim-ticket"
VCENTER = "lab"


@dataclass(frozen=True, slots=True)
class Site:
    """Where everything of one demonstration lies, and which port the broker gets."""

    root: Path
    roles: Path
    port: int

    @property
    def config(self) -> Path:
        """The directory of the policy's files."""
        return self.root / "config"

    @property
    def controller_file(self) -> Path:
        """The controller's own file, apart from what `serve` reads."""
        return self.root / "controller" / "controller.yaml"

    @property
    def app_key(self) -> Path:
        """The monitoring app's private key."""
        return self.root / "monitoring.key"

    @property
    def app_secret(self) -> Path:
        """The monitoring app's secret, for clients that cannot sign."""
        return self.root / "monitoring.secret"

    @property
    def log_keys(self) -> Path:
        """The keys that sign the log."""
        return self.config / "audit-keys"

    @property
    def log_key(self) -> Path:
        """The log's public key, as the monitoring app has it: from an admin, not from the broker."""
        return self.root / "audit-log.pub"

    def log_key_text(self) -> str:
        """That key."""
        return self.log_key.read_text().strip()

    @property
    def log_state(self) -> Path:
        """What the monitoring app remembers of the log."""
        return self.root / "log-state"

    @property
    def receipts(self) -> Path:
        """Every receipt that the monitoring app was given."""
        return self.root / "receipts"

    @property
    def broker_ca(self) -> Path:
        """What clients verify the broker's certificate against."""
        return self.root / "broker-ca.pem"

    @property
    def url(self) -> str:
        """Where the broker answers."""
        return f"https://localhost:{self.port}"


@dataclass(frozen=True, slots=True)
class LabPlace:
    """What the files must know of the lab."""

    port: int
    ca_file: Path
    controller_password: Path
    account_password: Path


def write_site(site: Site, lab: LabPlace, scope: str, now: datetime) -> None:
    """Write keys, certificates, the policy and both configurations."""
    for directory in (site.config, site.controller_file.parent, site.root / "state"):
        directory.mkdir(mode=0o700)
    public_key = write_private_key(site.app_key)
    write_private_key(site.root / "signing.key")
    write_random_key(site.root / "fingerprint.key")
    log_key = make_key(site.log_keys, f"localhost:{site.port}/audit")
    site.log_key.write_text(f"{log_key}\n")
    write_server_certificate(site.root / "broker.pem", site.root / "broker.key", site.broker_ca, now)
    documents: dict[Path, object] = {
        site.config / "server.yaml": _server(site),
        site.config / "vcenters.yaml": {"vcenters": {VCENTER: _vcenter(lab)}},
        site.config / "accounts.yaml": {"accounts": {ACCOUNT: _account(lab)}},
        site.config / "apps.yaml": {"apps": {APP: _app(public_key)}},
        site.config / "grants.yaml": {"grants": {GRANT: _grant(scope, now)}},
        site.controller_file: _controller(site, lab),
    }
    for path, document in documents.items():
        path.write_text(yaml.safe_dump(document, sort_keys=False), encoding="utf-8")


def _server(site: Site) -> dict[str, object]:
    return {
        "issuer": site.url,
        "listener": {
            "tls": {
                "host": "127.0.0.1",
                "port": site.port,
                "certificate": str(site.root / "broker.pem"),
                "key": str(site.root / "broker.key"),
            }
        },
        "store": str(site.root / "state" / "broker.db"),
        "roles": str(site.roles),
        "signing_keys": [{"file": str(site.root / "signing.key")}],
        "fingerprint_key": {"file": str(site.root / "fingerprint.key")},
    }


def _vcenter(lab: LabPlace) -> dict[str, object]:
    return {"host": "localhost", "port": lab.port, "ca_file": str(lab.ca_file)}


def _account(lab: LabPlace) -> dict[str, object]:
    return {"vcenter": VCENTER, "user": ACCOUNT_USER, "password": {"file": str(lab.account_password)}}


def _app(public_key: str) -> dict[str, object]:
    return {
        "description": "The demonstration's monitoring app",
        "owner": "you",
        "scopes": ["tickets"],
        "keys": [{"id": "demo-1", "algorithm": "ES256", "pem": public_key}],
    }


def _grant(scope: str, now: datetime) -> dict[str, object]:
    return {
        "app": APP,
        "template": TEMPLATE,
        "account": ACCOUNT,
        "scope": [scope],
        "owner": "you",
        "reason": "The demonstration reads sensors of one cluster",
        "valid_until": (now + timedelta(days=1)).isoformat(timespec="seconds"),
    }


def _controller(site: Site, lab: LabPlace) -> dict[str, object]:
    return {
        "policy": str(site.config),
        "store": str(site.root / "state" / "broker.db"),
        "interval_s": 15,
        "logins": {VCENTER: {"user": CONTROLLER_USER, "password": {"file": str(lab.controller_password)}}},
    }
