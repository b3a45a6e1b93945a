"""The policy that the broker serves here: as an admin would write it, with limits that nothing meets."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from broker.clock import SystemClock
from broker.demo.files import ACCOUNT_USER, APP, CONTROLLER_USER, GRANT, LabPlace, Site, write_site
from broker.demo.processes import free_port, run
from tests.bench.labs import RunningLab
from tests.bench.redis import RunningRedis

ROLES = Path(__file__).resolve().parents[2] / "roles"
EVERYWHERE = ("/DC1", "/DC2")
PLENTY = {"count": 1_000_000, "seconds": 60}


@dataclass(frozen=True, slots=True)
class Sizes:
    """How large the policy is: apps in all, and for each vCenter the grants of the app that is measured."""

    apps: int = 1
    grants: int = 1


@dataclass(frozen=True, slots=True)
class Serving:
    """The settings of `broker serve` that a figure depends on."""

    threads: int = 64
    concurrency: int = 64
    workers: int = 1
    proof_max_age_s: float = 30.0
    redis: RunningRedis | None = None

    def told(self) -> str:
        """In words, for the report."""
        return (
            f"workers {self.workers}, threads {self.threads}, concurrency {self.concurrency}, "
            f"proof age {self.proof_max_age_s:g} s"
        )


def new_site(root: Path, labs: Sequence[RunningLab], sizes: Sizes) -> Site:
    """Write the files, apply roles and permissions, add the app."""
    site = Site(root / "site", ROLES, free_port())
    site.root.mkdir(mode=0o700)
    first = labs[0]
    place = LabPlace(first.port, first.ca_file, first.controller_password, first.account_password)
    write_site(site, place, EVERYWHERE[0], SystemClock().now())
    _lead_to_labs(site, labs)
    _grant(site, labs, sizes)
    run("roles", "apply", "--config", str(site.controller_file))
    run("apps", "add", APP, "--config", str(site.config))
    return site


def set_serving(site: Site, serving: Serving) -> None:
    """Write the settings; they hold from the next start of `broker serve` on."""
    server = _read(site.config / "server.yaml")
    server |= {"threads": serving.threads, "proof_max_age_s": serving.proof_max_age_s}
    server |= {"service_rate": PLENTY, "recorded_refusals": PLENTY}
    for key in ("workers", "redis_url"):
        server.pop(key, None)
    if serving.redis is not None:
        server |= {"workers": serving.workers, "redis_url": {"file": str(serving.redis.url)}}
    _write(site.config / "server.yaml", server)
    vcenters = _read(site.config / "vcenters.yaml")
    for vcenter in vcenters["vcenters"].values():
        vcenter["concurrency"] = serving.concurrency
    _write(site.config / "vcenters.yaml", vcenters)


def _lead_to_labs(site: Site, labs: Sequence[RunningLab]) -> None:
    """The vCenters, an account in each, and the controller's log-ins."""
    _write(site.config / "vcenters.yaml", {"vcenters": {lab.id: _vcenter(lab) for lab in labs}})
    _write(site.config / "accounts.yaml", {"accounts": {lab.id: _account(lab) for lab in labs}})
    logins = {
        lab.id: {"user": CONTROLLER_USER, "password": {"file": str(lab.controller_password)}} for lab in labs
    }
    _write(site.controller_file, _read(site.controller_file) | {"logins": logins})


def _grant(site: Site, labs: Sequence[RunningLab], sizes: Sizes) -> None:
    """Grants that cover every host once, and other apps, which nobody uses here, with a grant each."""
    app = _read(site.config / "apps.yaml")["apps"][APP] | {"rate": PLENTY}
    grant = _read(site.config / "grants.yaml")["grants"][GRANT] | {"rate_per_host": PLENTY}
    accounts = _read(site.config / "accounts.yaml")
    others = [f"app-{number:04}" for number in range(1, sizes.apps)]
    grants = {
        f"{lab.id}-{number:04}": grant | {"account": lab.id, "scope": scope}
        for lab in labs
        for number, scope in enumerate(_scopes(lab, sizes.grants))
    }
    first = next(iter(grants.values()))
    grants |= {other: first | {"app": other} for other in others}
    if others:
        accounts["accounts"][first["account"]]["shared_by"] = [APP, *others]
    apps = {APP: app} | {other: app | {"keys": []} for other in others}
    _write(site.config / "apps.yaml", {"apps": apps})
    _write(site.config / "grants.yaml", {"grants": grants})
    _write(site.config / "accounts.yaml", accounts)


def _scopes(lab: RunningLab, grants: int) -> list[list[str]]:
    """The lab's clusters dealt out to so many grants; a single one has whatever there is."""
    if grants == 1:
        return [list(EVERYWHERE)]
    return [list(lab.clusters[number::grants]) for number in range(grants)]


def _vcenter(lab: RunningLab) -> Mapping[str, object]:
    return {"host": "localhost", "port": lab.port, "ca_file": str(lab.ca_file)}


def _account(lab: RunningLab) -> Mapping[str, object]:
    return {"vcenter": lab.id, "user": ACCOUNT_USER, "password": {"file": str(lab.account_password)}}


def _read(file: Path) -> dict[str, Any]:
    document: dict[str, Any] = yaml.safe_load(file.read_text())
    return document


class _NoAliases(yaml.SafeDumper):
    """The broker takes no anchors."""

    def ignore_aliases(self, _data: object) -> bool:
        return True


def _write(file: Path, document: Mapping[str, object]) -> None:
    file.write_text(yaml.dump(dict(document), Dumper=_NoAliases, sort_keys=False))
