"""The demonstration from an empty directory to the last refusal."""

import json
import shlex
import sys
from pathlib import Path
from shutil import rmtree
from tempfile import mkdtemp
from typing import Any

import click
import requests

from broker.clock import SystemClock
from broker.console import Format, show_facts
from broker.demo.files import ACCOUNT_USER, APP, CONTROLLER_USER, LabPlace, Site, write_site
from broker.demo.processes import Children, free_port, run, wait_for
from broker.demo.story import HOST, heading, tell
from broker.lab.control.client import LabControl

SCOPE = "/DC1/host/cluster-01"
"""What the grant covers: the cluster that `HOST` is in."""

_FOR_PEOPLE = ("--log-format", "text")
"""Their logs are shown where the demonstration fails."""

_LAB_SIZE = ("--hosts", "8", "--clusters", "2", "--standalone", "2", "--cim-hosts", "8")


def demonstrate(roles: Path) -> None:
    """Bring everything up, tell the story, end it all. Raises DemoFailed."""
    site, children = _new_site(roles)
    try:
        tell(site, _bring_up(site, children))
    finally:
        children.close()
        rmtree(site.root)


def demonstrate_and_keep(roles: Path) -> None:
    """The same, and leave it all running. Raises DemoFailed, having ended what ran."""
    site, children = _new_site(roles)
    try:
        tell(site, _bring_up(site, children))
    except BaseException:
        children.close()
        raise
    _say_how_to_go_on(site, children.keep())


def _new_site(roles: Path) -> tuple[Site, Children]:
    root = Path(mkdtemp(prefix="cim-ticket-broker-demo-"))
    return Site(root, roles.resolve(), free_port()), Children(root)


def _bring_up(site: Site, children: Children) -> LabControl:
    heading("A vCenter with ESXi hosts, simulated")
    lab = _start_lab(site, children)
    click.echo(f"vCenter {lab['vcenter']}")
    passwords = lab["password_files"]
    place = LabPlace(
        port=lab["port"],
        ca_file=Path(lab["ca_file"]),
        controller_password=Path(passwords[CONTROLLER_USER]),
        account_password=Path(passwords[ACCOUNT_USER]),
    )
    write_site(site, place, SCOPE, SystemClock().now())
    heading(f"An admin applies the template and a grant on {SCOPE}")
    click.echo(run("roles", "apply", "--config", str(site.controller_file)), nl=False)
    run("apps", "add", APP, "--secret-file", str(site.app_secret), "--config", str(site.config))
    heading("The controller and the broker start")
    children.start("controller", "controller", "--config", str(site.controller_file), *_FOR_PEOPLE)
    _start_serve(site, children)
    click.echo(f"broker {site.url}")
    return LabControl(Path(lab["control_socket"]))


def _start_lab(site: Site, children: Children) -> dict[str, Any]:
    process = children.start("lab", "lab", "--state-dir", str(site.root / "lab"), *_LAB_SIZE)
    announced: dict[str, Any] = {}

    def ready() -> bool:
        try:
            announced.update(json.loads(children.output_of("lab")))
        except json.JSONDecodeError:
            return False
        return True

    wait_for("the lab", children, "lab", process, ready)
    return announced


def _start_serve(site: Site, children: Children) -> None:
    process = children.start("serve", "serve", "--config", str(site.config), *_FOR_PEOPLE)
    with requests.Session() as session:
        session.trust_env = False

        def ready() -> bool:
            try:
                answer = session.get(f"{site.url}/readyz", verify=str(site.broker_ca), timeout=2)
            except requests.ConnectionError:
                return False
            return answer.ok

        wait_for("the broker", children, "serve", process, ready)


def _say_how_to_go_on(site: Site, processes: tuple[int, ...]) -> None:
    heading("Everything is left running")
    facts = {
        "broker": site.url,
        "its CA": site.broker_ca,
        "client id": APP,
        "private key": site.app_key,
        "secret": site.app_secret,
        "the log's public key": site.log_key,
        "receipts": site.receipts,
        "configuration": site.config,
        "controller": site.controller_file,
        "lab": site.root / "lab",
    }
    show_facts(Format.TABLE, facts)
    click.echo(
        "\nA ticket with curl, nothing secret in an argument:\n"
        f"{_curl_line(site)}\n"
        "\nThe same with the private key:\n"
        f"{sys.executable} -m broker ticket {HOST} --broker {site.url} --ca {site.broker_ca} "
        f"--client-id {APP} --key {site.app_key} --log-keys {site.log_key} --log-state {site.log_state} "
        f"--receipts {site.receipts}\n"
        "\nAs an admin:\n"
        f"{sys.executable} -m broker roles plan --config {site.controller_file}\n"
        f"{sys.executable} -m broker roles explain {HOST} --app {APP} --config {site.controller_file}\n"
        "\nAs an auditor:\n"
        f"{sys.executable} -m broker audit verify --config {site.config} --key '{site.log_key_text()}' "
        f"--receipts {site.receipts}\n"
        f"\nTo end it: kill {' '.join(str(pid) for pid in processes)} && rm -r {site.root}"
    )


def _curl_line(site: Site) -> str:
    extraction = (
        "import json, sys; "
        """print('header = "Authorization: Bearer %s"' % json.load(sys.stdin)["access_token"])"""
    )
    return (
        f'printf \'user = "{APP}:%s"\' "$(cat {site.app_secret})" | '
        f"curl -s -K - --cacert {site.broker_ca} -d grant_type=client_credentials -d scope=tickets "
        f"{site.url}/oauth2/token | python3 -c {shlex.quote(extraction)} | "
        f"curl -s -K - --cacert {site.broker_ca} --json {shlex.quote(json.dumps({'host': HOST}))} "
        f"{site.url}/v1/tickets"
    )
