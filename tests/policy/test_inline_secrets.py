"""A secret in a file is an error that names file, line and key, and never shows what it is."""
# ruff: noqa: E501  # a case a line reads as a table

import logging

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from broker.policy.load import ConfigurationErrors, as_json, explain, load_controller, load_policy
from tests.support.policy_files import PolicyFiles, private_pem
from tests.support.policy_problems import Found, controller_problems, policy_problems

CANARY = "hunter2-canary"
INLINE = "is a secret written inline"
NO_REFERENCE = "a secret is written here, or nothing"

PLACES = [
    ("accounts.yaml", "{file: cim-a.password}", CANARY, 5, "accounts.cim-a.password", INLINE),
    ("accounts.yaml", "{file: cim-a.password}", f"[{CANARY}]", 5, "accounts.cim-a.password[0]", INLINE),
    ("accounts.yaml", "{file: cim-a.password}", f"{{value: {CANARY}}}", 5, "accounts.cim-a.password", "is not one reference to a secret"),
    ("accounts.yaml", "{file: cim-a.password}", f"{{{CANARY}}}", 5, "accounts.cim-a.password", "is not one reference to a secret"),
    ("accounts.yaml", "{file: cim-a.password}", f"{{variable: {CANARY}}}", 5, "accounts.cim-a.password.variable", "is not the name of an environment variable"),
    ("accounts.yaml", "{file: cim-a.password}", f"{{credential: {CANARY}/}}", 5, "accounts.cim-a.password.credential", "is not the name of a systemd credential"),
    ("accounts.yaml", "{file: cim-a.password}", f"&x {CANARY}", 5, "accounts.cim-a.password", "carries a YAML anchor"),
    ("accounts.yaml", "user: svc-cim-a@vsphere.local", f"user: svc:{CANARY}", 4, "accounts.cim-a.user", "is not a user with its domain"),
    ("accounts.yaml", "    user:", f"    Passwd: {CANARY}\n    user:", 4, "accounts.cim-a.Passwd", INLINE),
    ("accounts.yaml", "    user:", f"    '{CANARY} x': 1\n    user:", 4, "accounts.cim-a.(unreadable key)", "is not a known key"),
    ("apps.yaml", "[tickets]", f"[tickets]\n    client_secret: {CANARY}", 6, "apps.nagios.client_secret", INLINE),
    ("apps.yaml", "[tickets]", f"[tickets]\n    client-secret: {CANARY}", 6, "apps.nagios.client-secret", INLINE),
    ("apps.yaml", "[tickets]", f"[tickets]\n    api_key: {CANARY}", 6, "apps.nagios.api_key", INLINE),
    ("apps.yaml", "[tickets]", f"[tickets]\n    token: {CANARY}", 6, "apps.nagios.token", INLINE),
    ("apps.yaml", "[tickets]", f"[{CANARY}]", 5, "apps.nagios.scopes[0]", "is not one of the known values"),
    ("apps.yaml", "owner: storage team", f"owner: 'x {CANARY}", 6, "(file)", "a quote is not closed"),
    ("server.yaml", "{variable: BROKER_FINGERPRINT_KEY}", CANARY, 8, "fingerprint_key", NO_REFERENCE),
    ("server.yaml", "  - {file: signing.pem}", f"  - {CANARY}", 7, "signing_keys[0]", NO_REFERENCE),
    ("server.yaml", "issuer: https://broker.example.com", f"issuer: https://a:{CANARY}@b", 1, "issuer", "is not a base URL"),
    ("server.yaml", "store: broker.db", f"store: broker.db\nredis_url: redis://:{CANARY}@h", 5, "redis_url", NO_REFERENCE),
    ("vcenters.yaml", "host: vc.example.com", f"host: root:{CANARY}@vc", 3, "vcenters.prod.host", "is not a host"),
    ("grants.yaml", "valid_until: 2027-01-01T00:00:00Z", f"valid_until: {CANARY}", 9, "grants.nagios-dc1.valid_until", "is not a time with an offset"),
    ("roles/cim-ticket.yaml", "id: Host.Cim.CimInteraction", f"id: {CANARY}", 8, "privileges[0].id", "is not a privilege id"),
]  # fmt: skip


@pytest.mark.parametrize(("file", "old", "new", "line", "key", "problem"), PLACES)
def test_a_secret_is_told_by_place_and_never_shown(
    files: PolicyFiles,
    caplog: pytest.LogCaptureFixture,
    file: str,
    old: str,
    new: str,
    line: int,
    key: str,
    problem: str,
) -> None:
    caplog.set_level(logging.DEBUG)
    files.change(file, old, new)
    with pytest.raises(ConfigurationErrors) as caught:
        load_policy(files.folder)
    assert Found(file.rpartition("/")[2], line, key, problem) in policy_problems(files.folder)
    shown = [str(caught.value), repr(caught.value), *explain(caught.value.errors), caplog.text]
    shown += [str(as_json(caught.value.errors)), str(caught.value.__cause__), str(caught.value.__context__)]
    assert CANARY not in "".join(shown)


@pytest.mark.parametrize(
    ("file", "old", "key"),
    [
        ("server.yaml", "key: server.key", "listener.tls.key"),
        ("accounts.yaml", "user: svc-cim-a@vsphere.local", "accounts.cim-a.user"),
        ("grants.yaml", "owner: storage team", "grants.nagios-dc1.owner"),
        ("roles/cim-ticket.yaml", "description: CIM tickets", "description"),
    ],
)
def test_a_private_key_anywhere_is_told_and_never_shown(
    files: PolicyFiles, file: str, old: str, key: str
) -> None:
    pem = private_pem(ec.generate_private_key(ec.SECP256R1()))
    name = old.partition(":")[0]
    folded = pem.replace("\n", "\\n")
    files.change(file, old, f'{name}: "{folded}"')
    with pytest.raises(ConfigurationErrors) as caught:
        load_policy(files.folder)
    assert ("is a private key", key) in [(e.problem, e.key) for e in caught.value.errors]
    assert pem.splitlines()[1] not in str(caught.value)


def test_an_apps_secret_is_told_to_come_from_the_store(files: PolicyFiles) -> None:
    files.change("apps.yaml", "[tickets]", f"[tickets]\n    secret: {CANARY}")
    with pytest.raises(ConfigurationErrors) as caught:
        load_policy(files.folder)
    assert "`broker apps add`" in str(caught.value)


def test_the_privileged_password_written_inline_is_told_and_never_shown(files: PolicyFiles) -> None:
    file = files.change("controller.yaml", "{credential: prod-password}", CANARY)
    assert controller_problems(file) == [Found("controller.yaml", 6, "logins.prod.password", INLINE)]
    with pytest.raises(ConfigurationErrors) as caught:
        load_controller(file)
    assert CANARY not in str(caught.value)
