"""What loads means what was written: every value arrives, sorted and immutable."""

import dataclasses
from datetime import UTC, date, datetime
from pathlib import Path
from types import MappingProxyType

import pytest

from broker.model.names import AccountId, AppId, GrantId, TemplateId, VcenterId
from broker.model.policy import (
    Account,
    App,
    DriftMode,
    Grant,
    Override,
    Rate,
    ReadinessMode,
    Scope,
    Template,
    TemplateKind,
    TicketKind,
    Vcenter,
)
from broker.model.secret import SecretCredential, SecretFile, SecretVariable
from broker.model.tree import Kind
from broker.policy.holder import PolicyHolder
from broker.policy.load import ConfigurationErrors, check, load_controller, load_policy, load_server
from tests.support.policy_files import PolicyFiles

ROOT = Path(__file__).parents[2]


def test_every_value_arrives(files: PolicyFiles) -> None:
    policy = load_policy(files.folder)
    template = policy.templates[TemplateId("cim-ticket")]
    grant = policy.grants[GrantId("nagios-dc1")]
    assert policy.vcenters == {
        "prod": Vcenter(VcenterId("prod"), "vc.example.com", 443, files.folder / "ca.pem", 8, 5.0, 20.0, 9)
    }
    assert policy.accounts == {
        "cim-a": Account(
            AccountId("cim-a"),
            VcenterId("prod"),
            "svc-cim-a@vsphere.local",
            SecretFile(files.folder / "cim-a.password"),
            frozenset(),
            frozenset(),
        )
    }
    assert policy.apps == {
        "nagios": App(
            AppId("nagios"), "Sensors", "storage team", frozenset({Scope.TICKETS}), (), Rate(60, 60)
        )
    }
    assert template == Template(
        id=TemplateId("cim-ticket"),
        description="CIM tickets",
        privileges=frozenset({"Host.Cim.CimInteraction"}),
        role_name="cim-broker-cim-ticket",
        revision=template.revision,
        kind=TemplateKind.APP,
        enabled=True,
        reasons={"Host.Cim.CimInteraction": "the ticket"},
        sources={},
        entity_types=frozenset(Kind),
        ticket_kinds=frozenset({TicketKind.CIM}),
        max_days=None,
        max_rate_per_host=None,
        owner="virtualisation team",
        review_by=date(2099, 1, 1),
        overrides=(),
    )
    assert grant == Grant(
        id=GrantId("nagios-dc1"),
        app=AppId("nagios"),
        template=template.id,
        account=AccountId("cim-a"),
        scope=("/DC1/host/cluster-01",),
        owner="storage team",
        reason="disks fail",
        valid_until=datetime(2027, 1, 1, tzinfo=UTC),
        rate_per_host=Rate(6, 60),
        readiness=ReadinessMode.REQUIRE,
        digest=grant.digest,
    )


def test_everything_that_can_be_chosen_arrives(files: PolicyFiles) -> None:
    files.change("vcenters.yaml", "ca.pem", "/etc/ca.pem\n    port: 8443\n    call_timeout_s: 0.5")
    files.add("vcenters.yaml", "    first_unsupported_major: 10\n")
    files.change(
        "accounts.yaml", "{file: cim-a.password}", "{credential: cim-a}\n    tolerated: [Global.Health]"
    )
    files.change("apps.yaml", "[tickets]", "[roles.read, audit.read]\n    rate: {count: 1, seconds: 86400}")
    files.change("grants.yaml", "[/DC1/host/cluster-01]", "[/DC2, '/DC1/a%2Fb*?']\n    readiness: advise")
    files.change("grants.yaml", "2027-01-01T00:00:00Z", "'2027-01-01T00:00+02:00'")
    files.add("server.yaml", "role_prefix: other-\n")
    policy = load_policy(files.folder)
    vcenter, account = policy.vcenters[VcenterId("prod")], policy.accounts[AccountId("cim-a")]
    app, grant = policy.apps[AppId("nagios")], policy.grants[GrantId("nagios-dc1")]
    assert (vcenter.ca_file, vcenter.port, vcenter.call_timeout_s) == (Path("/etc/ca.pem"), 8443, 0.5)
    assert vcenter.first_unsupported_major == 10
    assert account.password == SecretCredential("cim-a")
    assert account.tolerated == {"Global.Health"}
    assert app.scopes == {Scope.ROLES_READ, Scope.AUDIT_READ}
    assert app.rate == Rate(1, 86400)
    assert (grant.scope, grant.readiness) == (("/DC1/a%2fb*?", "/DC2"), ReadinessMode.ADVISE)
    assert grant.valid_until == datetime(2026, 12, 31, 22, tzinfo=UTC)
    assert policy.templates[TemplateId("cim-ticket")].role_name == "other-cim-ticket"


def test_everything_that_a_template_may_say_arrives(files: PolicyFiles) -> None:
    files.change("roles/cim-ticket.yaml", "ticket_kinds: [cim]", "kind: app\nenabled: false")
    files.change("roles/cim-ticket.yaml", "Folder, Datacenter, ", "")
    files.change("roles/cim-ticket.yaml", "reason: the ticket", "reason: the ticket\n    source: a page")
    files.add(
        "roles/cim-ticket.yaml",
        "max_days: 400\n"
        "max_rate_per_host: {count: 6, seconds: 60}\n"
        "overrides:\n"
        "  - {rule: BR001, privilege: Host.Cim.CimInteraction, reason: r, owner: o, expires: '2027-06-30'}\n"
        "  - {rule: BR002, reason: r, owner: o, expires: '2027-02-28'}\n",
    )
    files.add(
        "grants.yaml",
        "    drift: strict\n    overrides: [{rule: BR003, reason: r, owner: o, expires: '2027-01-01'}]\n",
    )
    policy = load_policy(files.folder)
    template, grant = policy.templates[TemplateId("cim-ticket")], policy.grants[GrantId("nagios-dc1")]
    assert (template.enabled, template.ticket_kinds, template.max_days) == (False, frozenset(), 400)
    assert template.max_rate_per_host == Rate(6, 60)
    assert template.entity_types == {Kind.CLUSTER, Kind.COMPUTE_RESOURCE, Kind.HOST}
    assert template.sources == {"Host.Cim.CimInteraction": "a page"}
    assert template.overrides == (
        Override("BR001", "Host.Cim.CimInteraction", "r", "o", date(2027, 6, 30)),
        Override("BR002", None, "r", "o", date(2027, 2, 28)),
    )
    assert grant.drift is DriftMode.STRICT
    assert grant.overrides == (Override("BR003", None, "r", "o", date(2027, 1, 1)),)


def test_folded_texts_arrive_on_one_line(files: PolicyFiles) -> None:
    files.change("grants.yaml", "reason: disks fail", "reason: >\n      disks\n      and fans\n\n      fail")
    assert load_policy(files.folder).grants[GrantId("nagios-dc1")].reason == "disks and fans fail"


def test_the_snapshot_cannot_be_changed(files: PolicyFiles) -> None:
    policy = load_policy(files.folder)
    for content in (policy.vcenters, policy.accounts, policy.apps, policy.templates, policy.grants):
        assert isinstance(content, MappingProxyType)
    with pytest.raises(dataclasses.FrozenInstanceError):
        policy.revision = "other"  # type: ignore[misc]


def test_the_snapshot_is_sorted_whatever_the_order_of_the_files(files: PolicyFiles) -> None:
    files.add("vcenters.yaml", "  early:\n    host: early.example.com\n    ca_file: ca.pem\n")
    assert list(load_policy(files.folder).vcenters) == ["early", "prod"]


def test_all_files_come_from_one_release_where_the_folder_is_a_link(
    files: PolicyFiles, tmp_path: Path
) -> None:
    link = tmp_path / "current"
    link.symlink_to(files.folder)
    policy = load_policy(link)
    assert policy.vcenters[VcenterId("prod")].ca_file == files.folder / "ca.pem"
    assert policy.revision == load_policy(files.folder).revision


def test_the_server_gets_its_settings(files: PolicyFiles) -> None:
    files.add(
        "server.yaml",
        "redis_url: {variable: REDIS_URL}\nthreads: 4\nproof_max_age_s: 0\norphan_grace_s: 2.5\n"
        "disk_reserve_mib: 1\nservice_rate: {count: 1, seconds: 2}\n"
        "failed_authentications: {count: 3, seconds: 4}\nrecorded_refusals: {count: 5, seconds: 6}\n",
    )
    settings = load_server(files.folder)
    listener = settings.listener
    assert dataclasses.asdict(listener) == {
        "host": "127.0.0.1",
        "port": 0,
        "certificate": files.folder / "server.pem",
        "key": files.folder / "server.key",
    }
    assert (settings.issuer, settings.threads) == ("https://broker.example.com", 4)
    assert (settings.store, settings.roles) == (files.folder / "broker.db", files.folder / "roles")
    assert settings.signing_keys == (SecretFile(files.folder / "signing.pem"),)
    assert settings.fingerprint_key == SecretVariable("BROKER_FINGERPRINT_KEY")
    assert settings.redis_url == SecretVariable("REDIS_URL")
    assert (settings.proof_max_age_s, settings.orphan_grace_s, settings.disk_reserve_mib) == (0, 2.5, 1)
    assert (settings.service_rate, settings.failed_authentications) == (Rate(1, 2), Rate(3, 4))
    assert settings.recorded_refusals == Rate(5, 6)


def test_the_server_may_listen_on_a_socket(files: PolicyFiles) -> None:
    files.change(
        "server.yaml",
        "tls: {host: 127.0.0.1, port: 0, certificate: server.pem, key: server.key}",
        "unix: {path: /run/broker.sock}",
    )
    assert dataclasses.asdict(load_server(files.folder).listener) == {"path": Path("/run/broker.sock")}


def test_the_controller_gets_its_settings(files: PolicyFiles) -> None:
    file = files.change("controller.yaml", "store: broker.db", "store: broker.db\ninterval_s: 5")
    settings = load_controller(file)
    assert (settings.policy, settings.store) == (files.folder, files.folder / "broker.db")
    assert settings.interval_s == 5
    assert list(settings.logins) == ["prod"]
    login = settings.logins[VcenterId("prod")]
    assert (login.user, login.password) == ("svc-controller@vsphere.local", SecretCredential("prod-password"))


def test_the_server_needs_nothing_of_the_controllers_file(files: PolicyFiles) -> None:
    (files.folder / "controller.yaml").unlink()
    load_policy(files.folder)
    load_server(files.folder)


def test_a_swap_replaces_the_whole_snapshot(files: PolicyFiles) -> None:
    before = load_policy(files.folder)
    holder = PolicyHolder(before)
    files.put("grants.yaml", "grants: {}\n")
    after = load_policy(files.folder)
    assert holder.current() is before
    holder.swap(after)
    assert holder.current() is after
    assert before.revision != after.revision


def test_a_narrowed_file_narrows_and_a_broken_one_gives_nothing(files: PolicyFiles) -> None:
    files.change("apps.yaml", "[tickets]", "[roles.read]")
    assert load_policy(files.folder).apps[AppId("nagios")].scopes == {Scope.ROLES_READ}
    files.change("apps.yaml", "[roles.read]", "[")
    with pytest.raises(ConfigurationErrors):
        load_policy(files.folder)


def test_the_shipped_examples_load() -> None:
    policy = load_policy(ROOT / "config")
    assert list(policy.grants) == ["hardware-prod"]
    assert policy.templates[TemplateId("cim-ticket")].privileges == {"Host.Cim.CimInteraction"}
    load_server(ROOT / "config")
    load_controller(ROOT / "config/controller.yaml")


def test_the_shipped_examples_lack_only_what_each_site_has_for_itself() -> None:
    problems = check(ROOT / "config", ROOT / "config/controller.yaml")
    missing = ("No such file or directory", "is no folder", "is no file")
    assert [str(p) for p in problems if not p.problem.endswith(missing)] == []
