"""A policy of a large site on disk: many templates, grants and hosts that they name."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from broker.privileges.catalogue import Risk, shipped
from tests.support.policy_files import PolicyFiles
from tests.support.templates import OBLIGATORY

HOSTS_PER_CLUSTER = 25


@dataclass(frozen=True, slots=True)
class Size:
    """How much of each. Every host is named by a grant."""

    templates: int
    grants: int
    hosts: int


def write_site(folder: Path, size: Size) -> PolicyFiles:
    """One app, one account and one template for each few grants; each grant on hosts of its own."""
    files = PolicyFiles(folder)
    harmless = sorted(each.id for each in shipped().privileges.values() if each.risk is Risk.READ)
    held = [each for each in harmless if not each.startswith("System.")]
    for number in range(size.templates):
        lines = (f"  - {{id: {held[(number + at) % len(held)]}, reason: it is read}}\n" for at in range(3))
        text = f"name: t-{number}\ndescription: Template {number}\n{OBLIGATORY}privileges:\n{''.join(lines)}"
        files.put(f"roles/t-{number}.yaml", text)
    apps = size.templates
    files.put("apps.yaml", "apps:\n" + "".join(f"  a-{n}: {_APP}" for n in range(apps)))
    files.put("accounts.yaml", "accounts:\n" + "".join(_account(n) for n in range(apps)))
    files.put("grants.yaml", "grants:\n" + "".join(_grants(size)))
    return files


_APP = "{description: Sensors, owner: storage team, scopes: [tickets]}\n"


def _account(number: int) -> str:
    secret = f"{{file: account-{number}.password}}"
    return f"  c-{number}: {{vcenter: prod, user: svc-{number}@vsphere.local, password: {secret}}}\n"


def _grants(size: Size) -> Iterator[str]:
    for number in range(size.grants):
        hosts = (_host(at) for at in range(number, size.hosts, size.grants))
        user = number % size.templates
        yield (
            f"  g-{number}:\n    app: a-{user}\n    template: t-{user}\n    account: c-{user}\n"
            f"    scope: [{', '.join(hosts)}]\n    owner: storage team <storage@example.com>\n"
            f"    reason: Failing disks and fans of rack {number} are replaced before hosts fail\n"
            "    valid_until: 2027-12-31T23:59:59Z\n    rate_per_host: {count: 6, seconds: 60}\n"
        )


def _host(number: int) -> str:
    return f"/DC0/host/cluster-{number // HOSTS_PER_CLUSTER:03}/esx{number:04}.example.com"
