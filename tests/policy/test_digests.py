"""A digest changes with the meaning that it covers, and with nothing else."""

import pytest

from broker.model.names import GrantId, TemplateId
from broker.model.policy import Grant, Policy, Template
from broker.policy.digest import digest_of
from broker.policy.load import load_policy
from tests.support.policy_files import PolicyFiles


def grant_of(policy: Policy) -> Grant:
    return policy.grants[GrantId("nagios-dc1")]


def template_of(policy: Policy) -> Template:
    return policy.templates[TemplateId("cim-ticket")]


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        ("grants.yaml", "[/DC1/host/cluster-01]", "[/DC1/host/cluster-01, /DC2]"),
        ("accounts.yaml", "svc-cim-a", "svc-cim-b"),
        ("roles/cim-ticket.yaml", "Host.Cim.CimInteraction", "Global.Health"),
        ("roles/cim-ticket.yaml", "[Folder, Datacenter, ", "["),
        ("server.yaml", "roles: roles", "roles: roles\nrole_prefix: other-"),
    ],
)
def test_what_apply_acts_on_changes_the_grants_digest(
    files: PolicyFiles, file: str, old: str, new: str
) -> None:
    before = load_policy(files.folder)
    files.change(file, old, new)
    after = load_policy(files.folder)
    assert grant_of(before).digest != grant_of(after).digest
    assert before.revision != after.revision


def test_another_app_account_vcenter_or_template_changes_the_grants_digest(files: PolicyFiles) -> None:
    digests = [grant_of(load_policy(files.folder)).digest]
    for file, old, new in (
        ("vcenters.yaml", "  prod:", "  test:"),
        ("accounts.yaml", "  cim-a:", "  cim-b:"),
        ("apps.yaml", "  nagios:", "  icinga:"),
    ):
        files.change(file, old, new)
        for referring in ("accounts.yaml", "grants.yaml"):
            text = (files.folder / referring).read_text()
            files.put(referring, text.replace(f": {old.strip(' :')}\n", f": {new.strip(' :')}\n"))
        digests.append(grant_of(load_policy(files.folder)).digest)
    assert len(set(digests)) == 4


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        ("grants.yaml", "owner: storage team", "owner: network team"),
        ("grants.yaml", "reason: disks fail", "reason: fans fail"),
        ("grants.yaml", "2027-01-01T00:00:00Z", "2027-01-02T00:00:00Z"),
        (
            "grants.yaml",
            "reason: disks fail",
            "rate_per_host: {count: 1, seconds: 1}\n    reason: disks fail",
        ),
        ("grants.yaml", "reason: disks fail", "readiness: advise\n    reason: disks fail"),
        ("accounts.yaml", "cim-a.password", "other.password"),
        ("roles/cim-ticket.yaml", "description: CIM tickets", "description: Tickets"),
        ("roles/cim-ticket.yaml", "reason: the ticket", "reason: other words"),
        ("roles/cim-ticket.yaml", "reason: the ticket", "reason: the ticket\n    source: a book"),
        ("roles/cim-ticket.yaml", "ticket_kinds: [cim]", "ticket_kinds: []"),
        ("roles/cim-ticket.yaml", "ticket_kinds: [cim]", "ticket_kinds: [cim]\nenabled: false"),
        ("roles/cim-ticket.yaml", "ticket_kinds: [cim]", "ticket_kinds: [cim]\nmax_days: 3650"),
        (
            "roles/cim-ticket.yaml",
            "ticket_kinds: [cim]",
            "ticket_kinds: [cim]\nmax_rate_per_host: {count: 9, seconds: 9}",
        ),
        ("roles/cim-ticket.yaml", "owner: virtualisation team", "owner: storage team"),
        ("roles/cim-ticket.yaml", "2099-01-01", "2098-01-01"),
        (
            "roles/cim-ticket.yaml",
            "ticket_kinds: [cim]",
            "ticket_kinds: [cim]\noverrides: [{rule: BR001, reason: r, owner: o, expires: '2027-01-01'}]",
        ),
        ("grants.yaml", "reason: disks fail", "drift: strict\n    reason: disks fail"),
        ("apps.yaml", "[tickets]", "[tickets, roles.read]"),
        ("vcenters.yaml", "ca.pem", "other.pem"),
    ],
)
def test_what_changes_nothing_in_vcenter_changes_the_revision_alone(
    files: PolicyFiles, file: str, old: str, new: str
) -> None:
    before = load_policy(files.folder)
    files.change(file, old, new)
    after = load_policy(files.folder)
    assert grant_of(before).digest == grant_of(after).digest
    assert template_of(before).revision == template_of(after).revision
    assert before.revision != after.revision


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        ("grants.yaml", "grants:\n", "# a comment\ngrants:\n"),
        ("grants.yaml", "2027-01-01T00:00:00Z", "'2027-01-01T02:00:00+02:00'"),
        ("grants.yaml", "reason: disks fail", "reason: >-\n      disks\n      fail"),
        ("grants.yaml", "reason: disks fail", "readiness: require\n    reason: disks fail"),
        ("vcenters.yaml", "host: vc.example.com", "host: VC.Example.com."),
        ("vcenters.yaml", "ca.pem", "ca.pem\n    call_timeout_s: 20"),
        ("roles/cim-ticket.yaml", "ticket_kinds: [cim]", "ticket_kinds: [cim]\nkind: app"),
        ("server.yaml", "store: broker.db", "store: other.db"),
    ],
)
def test_another_wording_of_the_same_policy_has_the_same_revision(
    files: PolicyFiles, file: str, old: str, new: str
) -> None:
    before = load_policy(files.folder)
    files.change(file, old, new)
    assert load_policy(files.folder) == before


def test_the_order_of_a_scope_means_nothing(files: PolicyFiles) -> None:
    files.change("grants.yaml", "[/DC1/host/cluster-01]", "[/DC1, /DC2]")
    before = load_policy(files.folder)
    files.change("grants.yaml", "[/DC1, /DC2]", "[/DC2, /DC1]")
    assert load_policy(files.folder) == before


def test_the_template_revision_covers_privileges_entity_types_and_role_name(files: PolicyFiles) -> None:
    before = template_of(load_policy(files.folder)).revision
    files.add("roles/cim-ticket.yaml", "  - {id: Global.Health, reason: r}\n")
    wider = template_of(load_policy(files.folder)).revision
    files.add("server.yaml", "role_prefix: other-\n")
    renamed = template_of(load_policy(files.folder)).revision
    files.change("roles/cim-ticket.yaml", "[Folder, Datacenter, ", "[")
    narrower = template_of(load_policy(files.folder)).revision
    assert len({before, wider, renamed, narrower}) == 4


def test_what_has_no_canonical_form_has_no_digest() -> None:
    with pytest.raises(TypeError):
        digest_of(object())
    with pytest.raises(TypeError):
        digest_of(["a list could still change"])
