"""server.yaml and controller.yaml: what does not fit is told with file, line and key."""
# ruff: noqa: E501  # a case a line reads as a table

import pytest

from broker.policy.load import load_controller
from tests.support.policy_files import PolicyFiles
from tests.support.policy_problems import Found, controller_problems, server_problems

TLS = "tls: {host: 127.0.0.1, port: 0, certificate: server.pem, key: server.key}"
ISSUER = "issuer: https://broker.example.com"
LISTEN = "needs one way to listen"
URL = "is not a base URL"
RANGE = "is out of range"


@pytest.mark.parametrize(
    ("old", "new", "line", "key", "problem"),
    [
        (f"{ISSUER}\n", "", 1, "issuer", "is missing"),
        (ISSUER, "issuer: http://broker.example.com", 1, "issuer", URL),
        (ISSUER, "issuer: https://broker.example.com/", 1, "issuer", URL),
        (ISSUER, "issuer: https://Broker.example.com", 1, "issuer", URL),
        (ISSUER, "issuer: https://broker.example.com?a=b", 1, "issuer", URL),
        (ISSUER, "issuer: https://broker.example.com#a", 1, "issuer", URL),
        (ISSUER, 'issuer: "https://broker.example.com\\n"', 1, "issuer", URL),
        (ISSUER, f"{ISSUER}\nprocesses: 2", 2, "processes", "is not a known key"),
        (ISSUER, f"{ISSUER}\ninsecure: true", 2, "insecure", "is not a known key"),
        (ISSUER, f"{ISSUER}\nthreads: 0", 2, "threads", RANGE),
        (ISSUER, f"{ISSUER}\nproof_max_age_s: 301", 2, "proof_max_age_s", RANGE),
        (ISSUER, f"{ISSUER}\nproof_max_age_s: -1", 2, "proof_max_age_s", RANGE),
        (ISSUER, f"{ISSUER}\norphan_grace_s: 0", 2, "orphan_grace_s", RANGE),
        (ISSUER, f"{ISSUER}\ndisk_reserve_mib: 0", 2, "disk_reserve_mib", RANGE),
        (ISSUER, f"{ISSUER}\nrole_prefix: Admin", 2, "role_prefix", "is not a prefix for role names"),
        (TLS, f"{TLS}\n  unix: {{path: a}}", 2, "listener", LISTEN),
        (TLS, "tls: null", 2, "listener", LISTEN),
        (TLS, "plain: {port: 80}", 3, "listener.plain", "is not a known key"),
        (TLS, TLS.replace("port: 0, ", ""), 3, "listener.tls.port", "is missing"),
        (TLS, TLS.replace("port: 0", "port: 70000"), 3, "listener.tls.port", RANGE),
        (TLS, TLS.replace("127.0.0.1", "127.0.0.256"), 3, "listener.tls.host", "is not a host"),
        ("  - {file: signing.pem}", "  []", 6, "signing_keys", "is an empty list"),
        ("fingerprint_key: {variable: BROKER_FINGERPRINT_KEY}\n", "", 1, "fingerprint_key", "is missing"),
    ],
)  # fmt: skip
def test_what_does_not_fit_server_yaml_is_told(
    files: PolicyFiles, old: str, new: str, line: int, key: str, problem: str
) -> None:
    files.change("server.yaml", old, new)
    assert Found("server.yaml", line, key, problem) in server_problems(files.folder)


@pytest.mark.parametrize(
    "issuer",
    [
        "https://b",
        "https://b:8443",
        "https://b.example.com/cim/v1",
        "https://192.0.2.1",
        "https://[::1]:8443",
    ],
)
def test_a_base_url_may_have_a_port_and_a_path(files: PolicyFiles, issuer: str) -> None:
    files.change("server.yaml", ISSUER, f"issuer: {issuer}\nthreads: 0")
    assert [p.key for p in server_problems(files.folder)] == ["threads"]


@pytest.mark.parametrize(
    ("old", "new", "line", "key", "problem"),
    [
        ("  prod:", "  test:", 4, "logins.test", "leads nowhere"),
        ("  prod:", "  Prod:", 4, "logins.Prod", "is not an id"),
        ("user: svc-controller@vsphere.local", "user: root", 5, "logins.prod.user", "is not a user with its domain"),
        ("user: svc-controller@vsphere.local", r"user: VSPHERE.LOCAL\SVC-cim-a", 5, "logins.prod.user", "is account cim-a too: the privileged user would serve requests"),
        ("store: broker.db\n", "", 1, "store", "is missing"),
        ("store: broker.db", "store: broker.db\ninterval_s: 0", 3, "interval_s", RANGE),
        ("store: broker.db", "store: broker.db\ngrants: {}", 3, "grants", "is not a known key"),
        ("{credential: prod-password}", "{}", 6, "logins.prod.password", "is not one reference to a secret"),
        ("  prod:", "  prod: {}\n  other:", 4, "logins.prod.user", "is missing"),
    ],
)  # fmt: skip
def test_what_does_not_fit_controller_yaml_is_told(
    files: PolicyFiles, old: str, new: str, line: int, key: str, problem: str
) -> None:
    file = files.change("controller.yaml", old, new)
    assert Found("controller.yaml", line, key, problem) in controller_problems(file)


def test_problems_of_the_policy_are_not_the_controllers_files(files: PolicyFiles) -> None:
    files.put("vcenters.yaml", "[")
    assert list(load_controller(files.folder / "controller.yaml").logins) == ["prod"]


def test_a_missing_controller_file_is_an_error(files: PolicyFiles) -> None:
    assert controller_problems(files.folder / "none.yaml") == [
        Found("none.yaml", 1, "(file)", "cannot be read: No such file or directory")
    ]


def test_a_missing_server_file_is_an_error(files: PolicyFiles) -> None:
    (files.folder / "server.yaml").unlink()
    assert [p.file for p in server_problems(files.folder)] == ["server.yaml"]
