"""Where the store lies: a path, a URL, or a mapping, in both files that say it, and on the command line."""

from pathlib import Path

import pytest

from broker.errors import InvalidName
from broker.model.secret import SecretFile, SecretVariable
from broker.model.stores import PostgresqlStore
from broker.policy.compile import location_of
from broker.policy.load import load_controller, load_server
from tests.support.policy_files import PolicyFiles
from tests.support.policy_problems import server_problems


def written(files: PolicyFiles, store: str) -> PolicyFiles:
    files.change("server.yaml", "store: broker.db", f"store: {store}\naudit: {{high_water: mark}}")
    files.change("controller.yaml", "store: broker.db", f"store: {store}")
    return files


def test_a_path_is_a_sqlite_file_beside_what_names_it(files: PolicyFiles) -> None:
    assert load_server(files.folder).store == files.folder / "broker.db"
    written(files, "{sqlite: other.db}")
    assert load_server(files.folder).store == files.folder / "other.db"


def test_a_mapping_and_a_url_say_the_same(files: PolicyFiles) -> None:
    at = PostgresqlStore(
        host="db.example.com",
        port=5433,
        database="cim",
        user="cim_broker",
        password=SecretFile(files.folder / "pw"),
        ca_file=files.folder / "db-ca.pem",
    )
    url = "postgresql://cim_broker@db.example.com:5433/cim?ca_file=db-ca.pem&password_file=pw"
    assert location_of(url, files.folder) == at
    written(
        files,
        "{postgresql: {host: db.example.com, port: 5433, database: cim, user: cim_broker,"
        " password: {file: pw}, ca_file: db-ca.pem}}",
    )
    assert load_server(files.folder).store == at
    assert load_controller(files.folder / "controller.yaml").store == at


@pytest.mark.parametrize(
    ("url", "host", "password"),
    [
        ("postgresql://b@/cim?host=%2Frun%2Fpostgresql", "/run/postgresql", None),
        ("postgresql://b@127.0.0.1/cim", "127.0.0.1", None),
        ("postgresql://b@[::1]/cim?password_variable=PW", "::1", SecretVariable("PW")),
    ],
)
def test_on_this_machine_neither_tls_nor_a_password_is_demanded(
    url: str, host: str, password: SecretVariable | None
) -> None:
    assert location_of(url, Path("/etc")) == PostgresqlStore(host, 5432, "cim", "b", password, None)


CANARY = "canary-of-a-written-password"


@pytest.mark.parametrize(
    ("store", "key", "problem"),
    [
        ("~/broker.db", "store", "is not a path"),
        ("{}", "store", "needs one place"),
        ("{sqlite: a.db, postgresql: {host: /run, database: d, user: u}}", "store", "needs one place"),
        ("{mysql: {host: h}}", "store.mysql", "is not a known key"),
        ("mysql://u@h/d", "store", "is not the URL of a store"),
        (f'"postgresql://u:{CANARY}@127.0.0.1/d"', "store", "holds a password"),
        ('"postgresql://u@127.0.0.1/d?sslmode=disable"', "store", "is not the URL of a store"),
        ('"postgresql://u@127.0.0.1:none/d"', "store", "is not a URL"),
        ('"postgresql://u@127.0.0.1"', "store.postgresql.database", "is not a name"),
        ('"postgresql://u@db.example.com/d"', "store.postgresql", "is another machine, without TLS"),
        ('"postgresql://u@/d?host=/run&ca_file=c"', "store.postgresql", "has a ca_file and no TLS"),
        ("{postgresql: {host: db, database: d}}", "store.postgresql.user", "is missing"),
        (
            "{postgresql: {host: db, database: d, user: u, ca_file: c, sslmode: disable}}",
            "store.postgresql.sslmode",
            "is not a known key",
        ),
        ('{postgresql: {host: "-x", database: d, user: u}}', "store.postgresql.host", "is not a server"),
        (
            '{postgresql: {host: /run, database: "d e", user: u}}',
            "store.postgresql.database",
            "is not a name",
        ),
    ],
)
def test_what_is_no_place_of_a_store_is_refused_with_its_key(
    files: PolicyFiles, store: str, key: str, problem: str
) -> None:
    written(files, store)
    (found,) = server_problems(files.folder)
    assert (found.key, found.problem) == (key, problem)


def test_a_password_in_a_url_is_never_repeated(files: PolicyFiles) -> None:
    with pytest.raises(InvalidName) as refused:
        location_of(f"postgresql://u:{CANARY}@127.0.0.1/d", files.folder)
    assert CANARY not in repr(refused.value)


def test_a_store_on_a_server_names_the_file_of_its_mark(files: PolicyFiles) -> None:
    files.change("server.yaml", "store: broker.db", 'store: "postgresql://u@127.0.0.1/d"')
    (found,) = server_problems(files.folder)
    assert found.problem == "keeps its log on a server, and names no file beside it"
