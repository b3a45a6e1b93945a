"""`check` also looks whether what is referred to is there, and leaves out what this user cannot know."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from broker.policy.load import check
from broker.secrets import read_secret
from tests.support.certificates import self_signed
from tests.support.policy_files import PolicyFiles
from tests.support.policy_problems import Found, found

CERTIFICATE = self_signed("vc.example.com")
SECRETS = ("cim-a.password", "signing.pem")


@pytest.fixture
def site(files: PolicyFiles) -> PolicyFiles:
    """A policy with everything that it refers to."""
    for name in SECRETS:
        files.put(name, "secret-canary\n").chmod(0o600)
    for name in ("ca.pem", "server.pem"):
        files.put(name, CERTIFICATE.pem)
    files.put("server.key", CERTIFICATE.key_pem).chmod(0o600)
    return files


def checked(site: PolicyFiles, environment: dict[str, str] | None = None) -> list[Found]:
    variables = environment or {}
    return found(
        check(
            site.folder,
            site.folder / "controller.yaml",
            lambda reference: read_secret(reference, variables),
            variables,
        )
    )


def test_a_site_with_everything_in_place_has_no_problem(site: PolicyFiles) -> None:
    assert checked(site) == []


@pytest.mark.parametrize(
    ("name", "file", "line", "key"),
    [
        ("cim-a.password", "accounts.yaml", 5, "accounts.cim-a.password"),
        ("signing.pem", "server.yaml", 7, "signing_keys[0]"),
        ("ca.pem", "vcenters.yaml", 4, "vcenters.prod.ca_file"),
        ("server.pem", "server.yaml", 3, "listener.tls.certificate"),
        ("server.key", "server.yaml", 3, "listener.tls.key"),
    ],
)
def test_what_is_referred_to_and_not_there_is_told(
    site: PolicyFiles, name: str, file: str, line: int, key: str
) -> None:
    (site.folder / name).unlink()
    assert [(p.file, p.line, p.key) for p in checked(site)] == [(file, line, key)]


def test_a_secret_that_others_can_read_is_told(site: PolicyFiles) -> None:
    (site.folder / "cim-a.password").chmod(0o644)
    (problem,) = checked(site)
    assert problem.key == "accounts.cim-a.password"
    assert "0600" in problem.problem


def test_an_empty_secret_is_told(site: PolicyFiles) -> None:
    site.put("cim-a.password", "\n")
    assert [p.key for p in checked(site)] == ["accounts.cim-a.password"]


def test_a_file_without_certificates_is_told(site: PolicyFiles) -> None:
    site.put("ca.pem", "words")
    assert [p.problem.rpartition("/")[2] for p in checked(site)] == ["ca.pem holds no certificate in PEM"]


def test_a_folder_that_is_not_there_is_told(site: PolicyFiles) -> None:
    site.change("server.yaml", "store: broker.db", "store: state/broker.db")
    site.change("controller.yaml", "policy: .", "policy: elsewhere")
    assert [(p.file, p.key) for p in checked(site)] == [
        ("controller.yaml", "policy"),
        ("server.yaml", "store"),
    ]


def test_the_folder_of_a_socket_is_looked_for(site: PolicyFiles) -> None:
    tls = "tls: {host: 127.0.0.1, port: 0, certificate: server.pem, key: server.key}"
    site.change("server.yaml", tls, "unix: {path: run/broker.sock}")
    assert [p.key for p in checked(site)] == ["listener.unix.path"]


def test_a_credential_is_looked_for_only_where_systemd_gives_one(site: PolicyFiles, tmp_path: Path) -> None:
    assert checked(site) == []
    (problem,) = checked(site, {"CREDENTIALS_DIRECTORY": str(tmp_path)})
    assert (problem.file, problem.key) == ("controller.yaml", "logins.prod.password")


def test_a_variable_is_looked_at_only_where_it_is_set(site: PolicyFiles) -> None:
    assert checked(site, {"BROKER_FINGERPRINT_KEY": "key"}) == []
    assert [p.key for p in checked(site, {"BROKER_FINGERPRINT_KEY": ""})] == ["fingerprint_key"]


@contextmanager
def _as_an_ordinary_user() -> Iterator[None]:
    """Permissions do not hold for root, so tests that root runs step down for a while."""
    root = os.geteuid() == 0
    if root:
        os.seteuid(65534)
    try:
        yield
    finally:
        if root:
            os.seteuid(0)


def test_what_belongs_to_another_user_is_left_to_the_service() -> None:
    with TemporaryDirectory() as open_folder:
        Path(open_folder).chmod(0o755)
        site = PolicyFiles(Path(open_folder) / "policy")
        locked = site.folder / "locked"
        locked.mkdir(mode=0o000)
        site.change("accounts.yaml", "{file: cim-a.password}", "{file: locked/cim-a.password}")
        site.change("vcenters.yaml", "ca.pem", "locked/ca.pem")
        site.change("server.yaml", "certificate: server.pem", "certificate: locked/server.pem")
        site.change("server.yaml", "key: server.key", "key: locked/server.key")
        site.put("signing.pem", "secret").chmod(0o000)
        with _as_an_ordinary_user():
            assert checked(site) == []


def test_check_reports_the_errors_of_the_files_too(site: PolicyFiles) -> None:
    site.change("apps.yaml", "[tickets]", "[everything]")
    site.change("controller.yaml", "  prod:", "  test:")
    (site.folder / "ca.pem").unlink()
    assert [(p.file, p.key) for p in checked(site)] == [
        ("apps.yaml", "apps.nagios.scopes[0]"),
        ("controller.yaml", "logins"),
        ("controller.yaml", "logins.test"),
        ("vcenters.yaml", "vcenters.prod.ca_file"),
    ]


def test_a_vcenter_with_grants_needs_a_log_in_of_the_controller(site: PolicyFiles) -> None:
    site.put("controller.yaml", "policy: .\nstore: broker.db\nlogins: {}\n")
    (problem,) = checked(site)
    assert (problem.file, problem.line, problem.key) == ("controller.yaml", 3, "logins")
    assert problem.problem == "has none for prod: grants there cannot be applied"
    site.put("grants.yaml", "grants: {}\n")
    assert checked(site) == []


def test_check_never_raises_on_a_folder_that_is_not_there(tmp_path: Path) -> None:
    problems = found(check(tmp_path / "none", tmp_path / "none/controller.yaml"))
    assert sorted(p.file for p in problems) == [
        "accounts.yaml", "apps.yaml", "controller.yaml", "grants.yaml", "server.yaml", "vcenters.yaml",
    ]  # fmt: skip


def test_check_shows_no_secret(site: PolicyFiles) -> None:
    for name in SECRETS:
        (site.folder / name).chmod(0o644)
    problems = check(site.folder, site.folder / "controller.yaml")
    assert problems
    assert "secret-canary" not in "".join(map(str, problems))
