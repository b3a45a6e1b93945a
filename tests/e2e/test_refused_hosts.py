"""Hosts for which a ticket would be of no use, or of which nobody knows which one is meant."""

from copy import deepcopy
from pathlib import Path
from typing import Any

import yaml

from broker.demo.files import ACCOUNT_USER, CONTROLLER_USER, GRANT, VCENTER
from broker.lab.process import Lab
from tests.support.lab import small_lab
from tests.support.stack import HOST, Stack, until


def test_a_host_whose_cim_service_is_stopped_is_refused_unless_the_grant_only_wants_advice(
    fresh: Stack,
) -> None:
    fresh.lab.control.set_wbem(HOST, running=False)
    fresh.serve()
    fresh.ready()
    refused = fresh.refusal()
    assert (refused.status, refused.code) == (409, "cim_service_stopped")
    assert fresh.lab.control.tickets_minted() == 0
    fresh.edit("grants.yaml", lambda grants: grants["grants"][GRANT].update(readiness="advise"))
    fresh.apply()
    fresh.config("reload")
    with fresh.client() as client:
        assert "cim_service_stopped" in client.ticket(HOST).warnings


def test_a_name_that_fits_hosts_of_two_vcenters_fits_none_until_one_is_named(
    fresh: Stack, tmp_path: Path
) -> None:
    with small_lab(tmp_path / "other") as other:
        add_vcenter(fresh, other)
        fresh.apply()
        fresh.serve()
        fresh.ready()
        with fresh.client() as client:
            until(lambda: not client.hosts().incomplete, "both inventories")
        refused = fresh.refusal()
        assert (refused.status, refused.code) == (403, "not_granted")
        assert fresh.records()[-1]["fields"]["reason"] == "host_ambiguous"
        with fresh.client() as client:
            for vcenter, lab in ((VCENTER, fresh.lab), ("other", other)):
                assert client.ticket(HOST, vcenter=vcenter).host == HOST
                assert lab.control.tickets_minted(HOST) == 1


def add_vcenter(stack: Stack, lab: Lab) -> None:
    """A second vCenter with hosts of the same names, an account there and a grant for the same app."""
    place = {"host": "localhost", "port": lab.vcenter_port, "ca_file": str(lab.ca_file)}
    stack.edit("vcenters.yaml", lambda found: found["vcenters"].update(other=place))
    account = {
        "vcenter": "other",
        "user": ACCOUNT_USER,
        "password": {"file": str(lab.password_file(ACCOUNT_USER))},
    }
    stack.edit("accounts.yaml", lambda found: found["accounts"].update({"cim-other": account}))
    stack.edit("grants.yaml", grant_there)
    file = stack.site.controller_file
    document = yaml.safe_load(file.read_text())
    password = {"file": str(lab.password_file(CONTROLLER_USER))}
    document["logins"]["other"] = {"user": CONTROLLER_USER, "password": password}
    file.write_text(yaml.safe_dump(document))


def grant_there(found: dict[str, Any]) -> None:
    found["grants"]["monitoring-other"] = {**deepcopy(found["grants"][GRANT]), "account": "cim-other"}
