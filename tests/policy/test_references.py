"""What one file says of another leads somewhere, and no identity stands for two."""
# ruff: noqa: E501  # a case a line reads as a table

import pytest

from broker.policy.load import load_policy
from tests.support.policy_files import GRANTS, PolicyFiles
from tests.support.policy_problems import Found, policy_problems
from tests.support.templates import OBLIGATORY

SECOND_APP = """\
  icinga:
    description: Sensors too
    owner: network team
    scopes: [tickets]
"""
SECOND_GRANT = """\
  icinga-dc1:
    app: icinga
    template: cim-ticket
    account: cim-a
    scope: [/DC2]
    owner: network team
    reason: fans fail
    valid_until: 2027-01-01T00:00:00Z
"""


@pytest.mark.parametrize(
    ("file", "old", "new", "line", "key"),
    [
        ("accounts.yaml", "vcenter: prod", "vcenter: test", 3, "accounts.cim-a.vcenter"),
        ("accounts.yaml", "vcenter: prod", "vcenter: prod\n    shared_by: [nagios, gone]", 4, "accounts.cim-a.shared_by[1]"),
        ("grants.yaml", "app: nagios", "app: icinga", 3, "grants.nagios-dc1.app"),
        ("grants.yaml", "template: cim-ticket", "template: spare", 4, "grants.nagios-dc1.template"),
        ("grants.yaml", "account: cim-a", "account: cim-b", 5, "grants.nagios-dc1.account"),
    ],
)  # fmt: skip
def test_a_reference_that_leads_nowhere_is_an_error(
    files: PolicyFiles, file: str, old: str, new: str, line: int, key: str
) -> None:
    files.change(file, old, new)
    assert Found(file, line, key, "leads nowhere") in policy_problems(files.folder)


def test_a_broken_file_is_not_told_once_more_for_each_reference_to_it(files: PolicyFiles) -> None:
    files.put("accounts.yaml", "accounts: [\n")
    assert [p.file for p in policy_problems(files.folder)] == ["accounts.yaml"]


def test_a_broken_entry_is_not_told_once_more_for_each_reference_to_it(files: PolicyFiles) -> None:
    files.change("apps.yaml", "[tickets]", "[everything]")
    assert [p.file for p in policy_problems(files.folder)] == ["apps.yaml"]


def test_a_mistake_in_an_entry_does_not_hide_that_its_references_lead_nowhere(files: PolicyFiles) -> None:
    files.change("grants.yaml", "reason: disks fail", "reason: ''")
    files.change("grants.yaml", "app: nagios", "app: icinga")
    keys = [p.key for p in policy_problems(files.folder)]
    assert keys == ["grants.nagios-dc1.app", "grants.nagios-dc1.reason"]


def test_an_account_that_serves_two_apps_is_an_error(files: PolicyFiles) -> None:
    files.add("apps.yaml", SECOND_APP)
    files.add("grants.yaml", SECOND_GRANT)
    assert policy_problems(files.folder) == [
        Found(
            "grants.yaml", 13, "grants.icinga-dc1.account", "serves icinga, nagios: vCenter sees one identity"
        )
    ]


def test_two_grants_of_one_app_may_use_one_account(files: PolicyFiles) -> None:
    files.add("grants.yaml", SECOND_GRANT.replace("app: icinga", "app: nagios"))
    assert len(load_policy(files.folder).grants) == 2


def test_sharing_that_is_acknowledged_exactly_is_taken(files: PolicyFiles) -> None:
    files.add("apps.yaml", SECOND_APP)
    files.add("grants.yaml", SECOND_GRANT)
    files.add("accounts.yaml", "    shared_by: [icinga, nagios]\n")
    assert load_policy(files.folder).accounts["cim-a"].shared_by == {"icinga", "nagios"}  # type: ignore[index]


@pytest.mark.parametrize("acknowledged", ["[nagios]", "[icinga]", "[icinga, nagios, third]"])
def test_sharing_that_is_acknowledged_for_other_apps_is_an_error(
    files: PolicyFiles, acknowledged: str
) -> None:
    files.add("apps.yaml", SECOND_APP)
    files.add("apps.yaml", SECOND_APP.replace("icinga", "third"))
    files.add("grants.yaml", SECOND_GRANT)
    files.add("accounts.yaml", f"    shared_by: {acknowledged}\n")
    problem = "does not name exactly the apps whose grants use the account: icinga, nagios"
    assert policy_problems(files.folder) == [Found("accounts.yaml", 6, "accounts.cim-a.shared_by", problem)]


def test_an_acknowledgement_without_sharing_is_an_error(files: PolicyFiles) -> None:
    files.add("apps.yaml", SECOND_APP)
    files.add("accounts.yaml", "    shared_by: [icinga, nagios]\n")
    problem = "does not name exactly the apps whose grants use the account: nagios"
    assert policy_problems(files.folder) == [Found("accounts.yaml", 6, "accounts.cim-a.shared_by", problem)]


def test_an_acknowledgement_that_names_an_app_twice_is_an_error(files: PolicyFiles) -> None:
    files.add("accounts.yaml", "    shared_by: [nagios, nagios]\n")
    assert policy_problems(files.folder) == [
        Found("accounts.yaml", 6, "accounts.cim-a.shared_by", "names something twice")
    ]


@pytest.mark.parametrize(
    "user", ["svc-cim-a@vsphere.local", "SVC-CIM-A@vsphere.local", r"VSPHERE.LOCAL\svc-cim-a"]
)
def test_two_accounts_with_one_vcenter_user_are_an_error(files: PolicyFiles, user: str) -> None:
    files.add(
        "accounts.yaml", f"  cim-b:\n    vcenter: prod\n    user: {user}\n    password: {{variable: B}}\n"
    )
    problem = "is the user of account cim-a again: vCenter sees one identity"
    assert policy_problems(files.folder) == [Found("accounts.yaml", 8, "accounts.cim-b.user", problem)]


def test_one_vcenter_under_two_ids_is_an_error(files: PolicyFiles) -> None:
    files.add("vcenters.yaml", "  twin:\n    host: VC.example.com.\n    ca_file: ca.pem\n")
    assert policy_problems(files.folder) == [
        Found("vcenters.yaml", 6, "vcenters.twin.host", "is the vCenter of prod again")
    ]


def test_two_vcenters_on_one_host_differ_by_their_port(files: PolicyFiles) -> None:
    files.add("vcenters.yaml", "  twin:\n    host: vc.example.com\n    port: 8443\n    ca_file: ca.pem\n")
    assert sorted(load_policy(files.folder).vcenters) == ["prod", "twin"]


def test_one_place_with_two_templates_for_one_account_is_an_error(files: PolicyFiles) -> None:
    files.put(
        "roles/wider.yaml",
        f"name: wider\ndescription: d\n{OBLIGATORY}privileges:\n  - {{id: Global.Health, reason: r}}\n",
    )
    second = (
        GRANTS.removeprefix("grants:\n").replace("nagios-dc1", "nagios-wider").replace("cim-ticket", "wider")
    )
    files.add("grants.yaml", second)
    problem = "has another template in grant nagios-dc1, for the same account"
    assert policy_problems(files.folder) == [
        Found("grants.yaml", 14, "grants.nagios-wider.scope[0]", problem)
    ]
