"""What the commands of the controller make true: what lint does not refuse, and no disabled template."""

import pytest
from click.testing import CliRunner, Result

from broker.cli import main
from broker.cli.exits import Exit
from broker.clock import SystemClock
from broker.model.names import GrantId
from broker.store.applied import StoredGrants
from broker.store.database import Database
from tests.support.lab_vcenter import LabVCenter
from tests.support.log_keys import LOG_KEYS
from tests.support.policy_files import PolicyFiles

GRANT = GrantId("nagios-dc1")


def applied(files: PolicyFiles) -> Result:
    file = str(files.folder / "controller.yaml")
    return CliRunner().invoke(main, ["roles", "apply", "--config", file])


def in_force(files: PolicyFiles) -> bool:
    store = Database.open_existing(files.folder / "broker.db", SystemClock(), LOG_KEYS)
    try:
        return StoredGrants(store).applied(GRANT) is not None
    finally:
        store.close()


@pytest.mark.parametrize("command", ["plan", "apply"])
def test_what_lint_refuses_is_neither_planned_nor_applied(
    files: PolicyFiles, lab: LabVCenter, command: str
) -> None:
    files.add("roles/cim-ticket.yaml", "  - {id: Host.Config.SystemManagement, reason: r}\n")
    roles = lab.model.roles()
    said = CliRunner().invoke(
        main, ["roles", command, "--config", str(files.folder / "controller.yaml")], prog_name="broker"
    )
    assert said.exit_code == Exit.REFUSED
    assert "BR002 cim-write: template cim-ticket: Host.Config.SystemManagement" in said.stderr
    assert lab.model.roles() == roles


def test_a_template_that_is_disabled_gives_nobody_anything_until_it_is_enabled(files: PolicyFiles) -> None:
    assert applied(files).exit_code == Exit.DONE
    assert in_force(files)
    files.add("roles/cim-ticket.yaml", "enabled: false\n")
    assert applied(files).exit_code == Exit.DONE
    assert not in_force(files)
    files.change("roles/cim-ticket.yaml", "enabled: false", "enabled: true")
    assert applied(files).exit_code == Exit.DONE
    assert in_force(files)
