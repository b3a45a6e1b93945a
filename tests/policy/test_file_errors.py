"""Every key of every file: what does not fit is told with file, line, key and what to do."""
# ruff: noqa: E501  # a case a line reads as a table

from pathlib import Path

import pytest

from broker.policy.load import ConfigurationErrors, as_json, explain, load_policy
from tests.support.policy_files import PolicyFiles
from tests.support.policy_problems import Found, policy_problems

MISSING = "is missing"
UNKNOWN = "is not a known key"
NOT_AN_ID = "is not an id"
NOT_A_PATH = "is not an inventory path"
NOT_A_TIME = "is not a time with an offset"
RANGE = "is out of range"


@pytest.mark.parametrize(
    ("file", "old", "new", "line", "key", "problem"),
    [
        ("vcenters.yaml", "host: vc.example.com", "host: vc example", 3, "vcenters.prod.host", "is not a host"),
        ("vcenters.yaml", "host: vc.example.com", "host: v\u0441.example.com", 3, "vcenters.prod.host", "is not a host"),
        ("vcenters.yaml", "    ca_file: ca.pem\n", "", 2, "vcenters.prod.ca_file", MISSING),
        ("vcenters.yaml", "ca.pem", "~/ca.pem", 4, "vcenters.prod.ca_file", "is not a path"),
        ("vcenters.yaml", "ca.pem", "$HOME/ca.pem", 4, "vcenters.prod.ca_file", "is not a path"),
        ("vcenters.yaml", "ca.pem", '""', 4, "vcenters.prod.ca_file", "is not a path"),
        ("vcenters.yaml", "ca.pem", "ca.pem\n    port: 0", 5, "vcenters.prod.port", RANGE),
        ("vcenters.yaml", "ca.pem", "ca.pem\n    port: 65536", 5, "vcenters.prod.port", RANGE),
        ("vcenters.yaml", "ca.pem", "ca.pem\n    port: '443'", 5, "vcenters.prod.port", "is not a whole number"),
        ("vcenters.yaml", "ca.pem", "ca.pem\n    port: true", 5, "vcenters.prod.port", "is not a whole number"),
        ("vcenters.yaml", "ca.pem", "ca.pem\n    concurrency: 0", 5, "vcenters.prod.concurrency", RANGE),
        ("vcenters.yaml", "ca.pem", "ca.pem\n    call_timeout_s: 0", 5, "vcenters.prod.call_timeout_s", RANGE),
        ("vcenters.yaml", "ca.pem", "ca.pem\n    connect_timeout_s: a", 5, "vcenters.prod.connect_timeout_s", "is not a number"),
        ("vcenters.yaml", "ca.pem", "ca.pem\n    insecure: true", 5, "vcenters.prod.insecure", UNKNOWN),
        ("vcenters.yaml", "  prod:", "  Prod:", 2, "vcenters.Prod", NOT_AN_ID),
        ("vcenters.yaml", "  prod:", "  pr\u043ed:", 2, "vcenters.(unreadable key)", NOT_AN_ID),
        ("vcenters.yaml", "  prod:", "  ../prod:", 2, "vcenters.(unreadable key)", NOT_AN_ID),
        ("vcenters.yaml", "  prod:", '  "prod\\n":', 2, "vcenters.(unreadable key)", NOT_AN_ID),
        ("vcenters.yaml", "  prod:", '  "":', 2, "vcenters.(unreadable key)", NOT_AN_ID),
        ("accounts.yaml", "svc-cim-a@vsphere.local", "svc-cim-a", 4, "accounts.cim-a.user", "is not a user with its domain"),
        ("accounts.yaml", "svc-cim-a@vsphere.local", "svc cim@vsphere.local", 4, "accounts.cim-a.user", "is not a user with its domain"),
        ("accounts.yaml", "svc-cim-a@vsphere.local", "sv\u0441@vsphere.local", 4, "accounts.cim-a.user", "is not a user with its domain"),
        ("accounts.yaml", "svc-cim-a@vsphere.local", "5", 4, "accounts.cim-a.user", "is not a text"),
        ("accounts.yaml", "password: {file: cim-a.password}", "tolerated: [Host.Cim]", 2, "accounts.cim-a.password", MISSING),
        ("accounts.yaml", "{file: cim-a.password}", "{file: a, variable: B}", 5, "accounts.cim-a.password", "is not one reference to a secret"),
        ("accounts.yaml", "{file: cim-a.password}", "{}", 5, "accounts.cim-a.password", "is not one reference to a secret"),
        ("accounts.yaml", "{file: cim-a.password}", "{file: null}", 5, "accounts.cim-a.password", "is not one reference to a secret"),
        ("accounts.yaml", "{file: cim-a.password}", "{vault: a}", 5, "accounts.cim-a.password", "is not one reference to a secret"),
        ("accounts.yaml", "{file: cim-a.password}", "", 5, "accounts.cim-a.password", "a secret is written here, or nothing"),
        ("accounts.yaml", "{file: cim-a.password}", "{credential: ../x}", 5, "accounts.cim-a.password.credential", "is not the name of a systemd credential"),
        ("accounts.yaml", "{file: cim-a.password}", "{variable: a=b}", 5, "accounts.cim-a.password.variable", "is not the name of an environment variable"),
        ("accounts.yaml", "  cim-a:", "  cim-a: &a", 2, "accounts.cim-a", "carries a YAML anchor"),
        ("accounts.yaml", "accounts:", "account:", 1, "account", UNKNOWN),
        ("accounts.yaml", "accounts:", "account:", 1, "accounts", MISSING),
        ("apps.yaml", "owner: storage team", 'owner: " "', 4, "apps.nagios.owner", "is empty"),
        ("apps.yaml", "owner: storage team", "owner: " + "x" * 501, 4, "apps.nagios.owner", "is longer than 500 characters"),
        ("apps.yaml", "    owner: storage team\n", "", 2, "apps.nagios.owner", MISSING),
        ("apps.yaml", "[tickets]", "[]", 5, "apps.nagios.scopes", "is an empty list"),
        ("apps.yaml", "[tickets]", "tickets", 5, "apps.nagios.scopes", "is not a list"),
        ("apps.yaml", "[tickets]", "[tickets, admin]", 5, "apps.nagios.scopes[1]", "is not one of the known values"),
        ("apps.yaml", "[tickets]", "[tickets, tickets]", 5, "apps.nagios.scopes", "names something twice"),
        ("apps.yaml", "[tickets]", "[tickets]\n    rate: {count: 0, seconds: 60}", 6, "apps.nagios.rate.count", RANGE),
        ("apps.yaml", "[tickets]", "[tickets]\n    rate: {count: -1, seconds: 60}", 6, "apps.nagios.rate.count", RANGE),
        ("apps.yaml", "[tickets]", "[tickets]\n    rate: {count: 1000001, seconds: 60}", 6, "apps.nagios.rate.count", RANGE),
        ("apps.yaml", "[tickets]", "[tickets]\n    rate: {count: 1, seconds: 86401}", 6, "apps.nagios.rate.seconds", RANGE),
        ("apps.yaml", "[tickets]", "[tickets]\n    rate: {count: .nan, seconds: 60}", 6, "apps.nagios.rate.count", "means different things to different YAML versions"),
        ("apps.yaml", "[tickets]", "[tickets]\n    rate: 60/minute", 6, "apps.nagios.rate", "is not a mapping of keys"),
        ("grants.yaml", "[/DC1/host/cluster-01]", "[]", 6, "grants.nagios-dc1.scope", "is an empty list"),
        ("grants.yaml", "[/DC1/host/cluster-01]", "[/DC1, DC1/host]", 6, "grants.nagios-dc1.scope[1]", NOT_A_PATH),
        ("grants.yaml", "[/DC1/host/cluster-01]", "[/]", 6, "grants.nagios-dc1.scope[0]", NOT_A_PATH),
        ("grants.yaml", "[/DC1/host/cluster-01]", "[/DC1/../DC2]", 6, "grants.nagios-dc1.scope[0]", NOT_A_PATH),
        ("grants.yaml", "[/DC1/host/cluster-01]", "[/DC1//x]", 6, "grants.nagios-dc1.scope[0]", NOT_A_PATH),
        ("grants.yaml", "[/DC1/host/cluster-01]", "[/DC1/]", 6, "grants.nagios-dc1.scope[0]", NOT_A_PATH),
        ("grants.yaml", "[/DC1/host/cluster-01]", "[/DC1/a%2e]", 6, "grants.nagios-dc1.scope[0]", NOT_A_PATH),
        ("grants.yaml", "[/DC1/host/cluster-01]", "[/DC1/50%]", 6, "grants.nagios-dc1.scope[0]", NOT_A_PATH),
        ("grants.yaml", "[/DC1/host/cluster-01]", "['/DC1/a\\b']", 6, "grants.nagios-dc1.scope[0]", NOT_A_PATH),
        ("grants.yaml", "[/DC1/host/cluster-01]", '["/DC1/a\\n"]', 6, "grants.nagios-dc1.scope[0]", NOT_A_PATH),
        ("grants.yaml", "[/DC1/host/cluster-01]", "['/DC1/a ']", 6, "grants.nagios-dc1.scope[0]", NOT_A_PATH),
        ("grants.yaml", "[/DC1/host/cluster-01]", "[/DC1/a%2Fb, /DC1/a%2fb]", 6, "grants.nagios-dc1.scope", "names something twice"),
        ("grants.yaml", "    valid_until: 2027-01-01T00:00:00Z\n", "", 2, "grants.nagios-dc1.valid_until", MISSING),
        ("grants.yaml", "2027-01-01T00:00:00Z", "'2027-01-01'", 9, "grants.nagios-dc1.valid_until", NOT_A_TIME),
        ("grants.yaml", "2027-01-01T00:00:00Z", "'2027-01-01T00:00:00'", 9, "grants.nagios-dc1.valid_until", NOT_A_TIME),
        ("grants.yaml", "2027-01-01T00:00:00Z", "'20270101T000000Z'", 9, "grants.nagios-dc1.valid_until", NOT_A_TIME),
        ("grants.yaml", "2027-01-01T00:00:00Z", "never", 9, "grants.nagios-dc1.valid_until", NOT_A_TIME),
        ("grants.yaml", "2027-01-01T00:00:00Z", "1798761600", 9, "grants.nagios-dc1.valid_until", NOT_A_TIME),
        ("grants.yaml", "2027-01-01T00:00:00Z", "2027-02-30T00:00:00Z", 9, "grants.nagios-dc1.valid_until", "is a time that does not exist"),
        ("grants.yaml", "2027-01-01T00:00:00Z", "0001-01-01T00:00:00+14:00", 9, "grants.nagios-dc1.valid_until", "is a time that does not exist"),
        ("grants.yaml", "2027-01-01T00:00:00Z", "2027-01-01", 9, "grants.nagios-dc1.valid_until", "means different things to different YAML versions"),
        ("grants.yaml", "reason: disks fail", "reason: ''", 8, "grants.nagios-dc1.reason", "is empty"),
        ("grants.yaml", "reason: disks fail", "readiness: maybe\n    reason: a", 8, "grants.nagios-dc1.readiness", "is not one of the known values"),
        ("grants.yaml", "app: nagios", "app: Nagios", 3, "grants.nagios-dc1.app", NOT_AN_ID),
        ("grants.yaml", "  nagios-dc1:", "  nagios-dc1: 5\n  b:", 2, "grants.nagios-dc1", "is not a mapping of keys"),
        ("grants.yaml", "grants:\n", "grants:\n  a:\n", 2, "grants.a", "is not a mapping of keys"),
        ("roles/cim-ticket.yaml", "Host.Cim.CimInteraction", "CimInteraction", 8, "privileges[0].id", "is not a privilege id"),
        ("roles/cim-ticket.yaml", "Host.Cim.CimInteraction", "Host.*", 8, "privileges[0].id", "is not a privilege id"),
        ("roles/cim-ticket.yaml", "Host.Cim.CimInteraction", "Host..Cim", 8, "privileges[0].id", "is not a privilege id"),
        ("roles/cim-ticket.yaml", "Host.Cim.CimInteraction", '"Host.Cim\\n"', 8, "privileges[0].id", "is not a privilege id"),
        ("roles/cim-ticket.yaml", "Host.Cim.CimInteraction", "H\u043est.Cim", 8, "privileges[0].id", "is not a privilege id"),
        ("roles/cim-ticket.yaml", "Host.Cim.CimInteraction", "System.Nothing", 8, "privileges[0].id", "is superfluous: every role holds the System privileges"),
        ("roles/cim-ticket.yaml", "Host.Cim.CimInteraction", "SYSTEM.View", 8, "privileges[0].id", "is superfluous: every role holds the System privileges"),
        ("roles/cim-ticket.yaml", "\n  - id: Host.Cim.CimInteraction\n    reason: the ticket", " []", 7, "privileges", "is an empty list"),
        ("roles/cim-ticket.yaml", "    reason: the ticket\n", "", 8, "privileges[0].reason", MISSING),
        ("roles/cim-ticket.yaml", "the ticket\n", "the ticket\n  - {id: host.cim.CIMInteraction, reason: again}\n", 7, "privileges", "names something twice"),
        ("roles/cim-ticket.yaml", "name: cim-ticket", "name: other", 1, "name", "is not the file's name"),
        ("roles/cim-ticket.yaml", '"2099-01-01"', "2099-01-01", 4, "review_by", "means different things to different YAML versions"),
        ("roles/cim-ticket.yaml", '"2099-01-01"', "2099-01-01T00:00:00Z", 4, "review_by", "is not a date"),
        ("roles/cim-ticket.yaml", "2099-01-01", "2099-02-30", 4, "review_by", "is a day that does not exist"),
        ("roles/cim-ticket.yaml", "owner: virtualisation team\n", "", 1, "owner", MISSING),
        ("roles/cim-ticket.yaml", "HostSystem]", "VirtualMachine]", 5, "entity_types[4]", "is not one of the known values"),
        ("roles/cim-ticket.yaml", "HostSystem]", "Folder]", 5, "entity_types", "names something twice"),
        ("roles/cim-ticket.yaml", "ticket_kinds: [cim]", "ticket_kinds: [root]", 6, "ticket_kinds[0]", "is not one of the known values"),
        ("roles/cim-ticket.yaml", "ticket_kinds: [cim]", "kind: root", 6, "kind", "is not one of the known values"),
        ("roles/cim-ticket.yaml", "ticket_kinds: [cim]", "enabled: no", 6, "enabled", "means different things to different YAML versions"),
        ("roles/cim-ticket.yaml", "ticket_kinds: [cim]", "max_days: 0", 6, "max_days", "is out of range"),
        ("roles/cim-ticket.yaml", "ticket_kinds: [cim]", "overrides: [{rule: all, reason: r, owner: o, expires: '2027-01-01'}]", 6, "overrides[0].rule", "is not the id of a rule"),
        ("roles/cim-ticket.yaml", "ticket_kinds: [cim]", "overrides: [{rule: BR001, reason: r, owner: o}]", 6, "overrides[0].expires", MISSING),
        ("grants.yaml", "    reason: disks fail", "    reason: disks fail\n    drift: ignore", 9, "grants.nagios-dc1.drift", "is not one of the known values"),
        ("server.yaml", "roles: roles", "roles: nowhere", 5, "roles", "cannot be read: No such file or directory"),
        ("server.yaml", "roles: roles", "roles: roles\nrole_prefix: ''", 6, "role_prefix", "is not a prefix for role names"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_told_with_file_line_and_key(
    files: PolicyFiles, file: str, old: str, new: str, line: int, key: str, problem: str
) -> None:
    files.change(file, old, new)
    assert Found(Path(file).name, line, key, problem) in policy_problems(files.folder)


@pytest.mark.parametrize(
    "name",
    ["server.yaml", "vcenters.yaml", "accounts.yaml", "apps.yaml", "grants.yaml", "roles/cim-ticket.yaml"],
)
def test_a_missing_or_empty_or_broken_file_is_never_a_default(files: PolicyFiles, name: str) -> None:
    file = files.folder / name
    kept = file.read_text()
    for content, problem in (("", "is empty"), ("a: [", "the YAML cannot be read from here on")):
        files.put(name, content)
        assert [(p.file, p.problem) for p in policy_problems(files.folder)] == [(file.name, problem)]
    file.unlink()
    assert policy_problems(files.folder)
    files.put(name, kept)
    load_policy(files.folder)


def test_a_section_may_be_empty_but_only_in_words(files: PolicyFiles) -> None:
    files.put("grants.yaml", "grants:\n")
    assert policy_problems(files.folder) == [Found("grants.yaml", 1, "grants", "is not a mapping of ids")]
    files.put("grants.yaml", "grants: {}\n")
    assert load_policy(files.folder).grants == {}


def test_a_folder_without_templates_is_an_error(files: PolicyFiles) -> None:
    (files.folder / "roles/cim-ticket.yaml").unlink()
    assert Found("server.yaml", 5, "roles", "is a folder without templates") in policy_problems(files.folder)


def test_a_template_that_would_not_be_read_for_its_suffix_is_an_error(files: PolicyFiles) -> None:
    files.put("roles/spare.yml", "name: spare\n")
    assert policy_problems(files.folder) == [Found("spare.yml", 1, "(file)", "is not read, for its suffix")]


def test_what_is_no_template_may_lie_beside_the_templates(files: PolicyFiles) -> None:
    files.put("roles/README.md", "words")
    assert list(load_policy(files.folder).templates) == ["cim-ticket"]


def test_the_probable_key_is_named(files: PolicyFiles) -> None:
    files.change("grants.yaml", "valid_until", "valid_untill")
    with pytest.raises(ConfigurationErrors) as caught:
        load_policy(files.folder)
    assert [e.advice for e in caught.value.errors if e.key.endswith("untill")] == [
        "Did you mean `valid_until`?"
    ]


def test_a_deep_unknown_key_is_compared_with_the_keys_beside_it(files: PolicyFiles) -> None:
    files.change("roles/cim-ticket.yaml", "reason:", "because:")
    with pytest.raises(ConfigurationErrors) as caught:
        load_policy(files.folder)
    advice = [e.advice for e in caught.value.errors if e.key == "privileges[0].because"]
    assert advice == ["Remove it; known here: id, reason, source."]


def test_everything_that_is_wrong_in_all_files_is_told_at_once_and_sorted(files: PolicyFiles) -> None:
    files.change("vcenters.yaml", "host: vc.example.com", "hots: vc.example.com")
    files.change("apps.yaml", "[tickets]", "[everything]")
    files.change("grants.yaml", "account: cim-a", "account: cim-b")
    files.change("grants.yaml", "valid_until: 2027-01-01T00:00:00Z", "valid_until: soon")
    files.change("roles/cim-ticket.yaml", "Host.Cim.CimInteraction", "Host")
    problems = policy_problems(files.folder)
    assert [(p.file, p.line, p.key) for p in problems] == [
        ("apps.yaml", 5, "apps.nagios.scopes[0]"),
        ("grants.yaml", 5, "grants.nagios-dc1.account"),
        ("grants.yaml", 9, "grants.nagios-dc1.valid_until"),
        ("cim-ticket.yaml", 8, "privileges[0].id"),
        ("vcenters.yaml", 2, "vcenters.prod.host"),
        ("vcenters.yaml", 3, "vcenters.prod.hots"),
    ]


def test_errors_read_as_lines_and_as_json(files: PolicyFiles) -> None:
    files.change("apps.yaml", "[tickets]", "[everything]")
    with pytest.raises(ConfigurationErrors) as caught:
        load_policy(files.folder)
    file = files.folder / "apps.yaml"
    said = "is not one of the known values"
    advice = "Write 'tickets', 'audit.read' or 'roles.read'."
    assert explain(caught.value.errors) == [f"{file}:5: apps.nagios.scopes[0]: {said}. {advice}"]
    assert str(caught.value) == "\n".join(explain(caught.value.errors))
    assert as_json(caught.value.errors) == [
        {"file": str(file), "line": 5, "key": "apps.nagios.scopes[0]", "problem": said, "advice": advice}
    ]
