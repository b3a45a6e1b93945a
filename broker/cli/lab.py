"""`broker lab`: a simulated vCenter with ESXi hosts, on loopback."""

import signal
import threading
from pathlib import Path

import click

from broker.cli.exits import Exit
from broker.cli.output import fail
from broker.console import show_json
from broker.lab.errors import LabError
from broker.lab.options import ACCOUNTS, ADMINISTRATOR, CONTROLLER
from broker.lab.process import Lab, LabOptions

USERS = (ADMINISTRATOR, CONTROLLER, *ACCOUNTS)
_SHOWN = 50
"""How many hosts and scopes are listed; a large lab has more."""


@click.command("lab", short_help="Run a simulated vCenter with ESXi hosts.")
@click.option(
    "--state-dir",
    type=click.Path(path_type=Path, file_okay=False),
    required=True,
    help="A directory, new or for only you to write: its CA, its users' passwords, its control socket.",
)
@click.option("--hosts", default=50, show_default=True, help="ESXi hosts in all.")
@click.option("--clusters", default=5, show_default=True, help="Clusters that most of them are in.")
@click.option("--standalone", default=2, show_default=True, help="Hosts that are in no cluster.")
@click.option("--cim-hosts", default=50, show_default=True, help="Hosts that answer CIM-XML.")
def command(state_dir: Path, hosts: int, clusters: int, standalone: int, cim_hosts: int) -> None:
    """Run a vCenter and ESXi CIM endpoints that enforce what real ones do.

    Prints one JSON object as soon as it answers: addresses, users, hosts, inventory paths. Ends at
    SIGTERM or Ctrl-C. Its clock, faults and hosts are moved through a Unix socket that only you can
    open.
    """
    try:
        options = LabOptions(state_dir, hosts, clusters, standalone, cim_hosts)
    except LabError as error:
        fail(str(error), Exit.USAGE)
    ended = threading.Event()
    for signum in (signal.SIGTERM, signal.SIGINT):
        signal.signal(signum, lambda *_: ended.set())
    with Lab.start(options) as lab:
        inventory = lab.control.hosts()
        show_json(
            {
                "vcenter": f"https://{lab.vcenter_host}:{lab.vcenter_port}",
                "host": lab.vcenter_host,
                "port": lab.vcenter_port,
                "ca_file": str(lab.ca_file),
                "control_socket": str(lab.control_socket),
                "password_files": {user: str(lab.password_file(user)) for user in USERS},
                "scopes": sorted({host["path"].rpartition("/")[0] for host in inventory})[:_SHOWN],
                "hosts": [host["name"] for host in inventory[:_SHOWN]],
            }
        )
        ended.wait()
