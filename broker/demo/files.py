"""The files that an admin would write, for the lab's vCenter."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import yaml

from broker.demo.keys import write_private_key, write_server_certificate


@dataclass(frozen=True, slots=True)
class Site:
    """Where everything of one demonstration lies."""

    root: Path

    @property
    def config(self) -> Path:
        """The directory of the policy's files."""
        return self.root / "config"

    @property
    def controller_file(self) -> Path:
        """The controller's own file."""
        return self.root / "controller.yaml"

    @property
    def app_key(self) -> Path:
        """The monitoring app's private key."""
        return self.root / "monitoring.key"

    @property
    def broker_ca(self) -> Path:
        """What clients verify the broker's certificate against."""
        return self.root / "broker-ca.pem"


@dataclass(frozen=True, slots=True)
class LabPlace:
    """What the files must know of the lab."""

    port: int
    ca_file: Path
    controller_password: Path
    account_password: Path


def write_site(site: Site, lab: LabPlace, broker_port: int, scope: str, now: datetime) -> None:
    """Write keys, certificates, policy and both configurations for one app on one scope."""
    site.config.mkdir(mode=0o700)
    (site.root / "roles").mkdir(mode=0o700)
    public_key = write_private_key(site.app_key)
    write_private_key(site.root / "signing.key")
    write_server_certificate(site.root, site.broker_ca)
    fingerprint = site.root / "fingerprint.key"
    fingerprint.touch(mode=0o600)
    fingerprint.write_text("c1" * 32 + "\n")
    documents = {
        site.config / "server.yaml": _server(site, broker_port),
        site.config / "vcenters.yaml": _vcenters(lab),
        site.config / "accounts.yaml": _accounts(lab),
        site.config / "apps.yaml": _apps(public_key),
        site.config / "grants.yaml": _grants(scope, now),
        site.controller_file: _controller(site, lab),
    }
    for path, document in documents.items():
        path.write_text(yaml.safe_dump(document, sort_keys=False))
