"""A PostgreSQL of the test's own: a cluster in a folder, on a Unix socket and on loopback with TLS."""

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import count
from pathlib import Path
from typing import Any, Self

import psycopg

from broker.demo.processes import free_port
from broker.model.secret import SecretFile
from broker.model.stores import PostgresqlStore
from tests.support.authority import Authority
from tests.support.deadline import eventually
from tests.support.tools import require_tool

DATABASE, PASSWORD = "stores", "canary-of-the-stores-password"
_ENOUGH = 1024**3
_HBA = """\
local all postgres trust
local all all scram-sha-256
host all all 127.0.0.0/8 scram-sha-256
local replication postgres trust
"""
_SETTINGS = {
    "fsync": "on",
    "min_wal_size": "32MB",
    "max_wal_size": "128MB",
    "max_connections": "80",
    "shared_buffers": "16MB",
    "password_encryption": "scram-sha-256",
    "listen_addresses": "127.0.0.1,127.0.0.2",
    "ssl": "on",
    "log_min_messages": "fatal",
    "max_wal_senders": "4",
    "autovacuum": "off",
    "dynamic_shared_memory_type": "mmap",
}


class PostgresServer:
    """One cluster. As root its programs run as a user without rights, which PostgreSQL insists on."""

    def __init__(self, folder: Path, port: int | None = None) -> None:
        self.folder = folder
        self.port = port or free_port()
        self._programs = require_tool("postgres").resolve().parent
        self._names = count(1)
        self._certified(folder)

    def _certified(self, folder: Path) -> None:
        files = folder / "tls"
        files.mkdir(exist_ok=True)
        authority = Authority(files)
        server = authority.server("server")
        self.ca_file = authority.anchor
        self._tls = {"ssl_cert_file": str(server.certificate), "ssl_key_file": str(server.key)}
        self.password_file = folder / "password"
        self.password_file.write_text(PASSWORD)
        self.password_file.chmod(0o600)
        own(server.key)

    @property
    def data(self) -> Path:
        return self.folder / "data"

    def made(self) -> Self:
        """Make an empty cluster."""
        self.run("initdb", "-D", str(self.data), "-U", "postgres", "-E", "UTF8", "--no-sync", "-A", "trust")
        (self.data / "pg_hba.conf").write_text(_HBA)
        return self

    def run(self, program: str, *arguments: str) -> None:
        """Run one of PostgreSQL's programs to its end."""
        subprocess.run(
            [str(self._programs / program), *arguments],
            check=True,
            capture_output=True,
            cwd=self.folder,
            user=unprivileged(),
        )

    def start(self, **settings: str) -> None:
        """Start and wait until it answers."""
        wanted = {**_SETTINGS, **self._tls, "port": str(self.port), **settings}
        wanted["unix_socket_directories"] = str(self.folder)
        options = [word for name, value in wanted.items() for word in ("-c", f"{name}={value}")]
        with (self.folder / "server.log").open("ab") as log:
            self._process = subprocess.Popen(
                [str(self._programs / "postgres"), "-D", str(self.data), *options],
                stdout=log,
                stderr=log,
                cwd=self.folder,
                user=unprivileged(),
            )
        assert eventually(self._answers, 20), (self.folder / "server.log").read_text()
        made = f"SELECT 1 FROM pg_database WHERE datname = '{DATABASE}'"
        if not self.sql(made):
            self.sql(f"CREATE DATABASE {DATABASE}")

    @property
    def pid(self) -> int:
        """The server's first process."""
        return self._process.pid

    def stop(self, how: int = signal.SIGQUIT) -> None:
        """End it at once, as a crash would, or as `how` says."""
        self._process.send_signal(how)
        self._process.wait(20)

    @contextmanager
    def standby(self) -> Iterator["PostgresServer"]:
        """A server that follows this one, until it is promoted."""
        with folder_for_a_server() as folder:
            follower = PostgresServer(folder)
            where = f"host={self.folder} port={self.port} user=postgres application_name=standby1"
            self.run("pg_basebackup", "-D", str(follower.data), "-d", where, "-R", "-c", "fast", "--no-sync")
            follower.start()
            try:
                yield follower
            finally:
                follower.stop()

    def _answers(self) -> bool:
        with suppress(psycopg.OperationalError):
            self.sql("SELECT 1")
            return True
        return False

    def sql(self, statement: str, database: str = "postgres") -> list[tuple[Any, ...]]:
        """Run one statement as the administrator; its rows."""
        with psycopg.connect(
            host=str(self.folder), port=self.port, user="postgres", dbname=database, autocommit=True
        ) as connection:
            cursor = connection.execute(statement.encode())
            return cursor.fetchall() if cursor.description else []

    def new_store(self) -> PostgresqlStore:
        """An empty schema, to its role the only one, reached over the Unix socket.

        A database for each would do as well, and be three hundred files.
        """
        name = f"broker_{next(self._names)}"
        self.sql(
            f"CREATE ROLE {name} LOGIN PASSWORD '{PASSWORD}'; CREATE SCHEMA AUTHORIZATION {name}",
            DATABASE,
        )
        return PostgresqlStore(
            host=str(self.folder),
            port=self.port,
            database=DATABASE,
            user=name,
            password=SecretFile(self.password_file),
            ca_file=None,
        )


def unprivileged() -> str | None:
    """The user that PostgreSQL runs as; None where that is who runs the tests."""
    if os.geteuid() != 0:
        return None
    with suppress(KeyError):
        return pwd.getpwnam("postgres").pw_name
    return "nobody"


def own(path: Path) -> None:
    """Give a file or a folder to the user that PostgreSQL runs as."""
    user = unprivileged()
    if user is not None:
        shutil.chown(path, user)


def _roomiest() -> Path | None:
    """In memory where there is enough: a cluster is thousands of files, and no test cuts its power."""
    memory = Path("/dev/shm")
    with suppress(OSError):
        if shutil.disk_usage(memory).free > _ENOUGH:
            return memory
    return None


@contextmanager
def folder_for_a_server(within: Path | None = None) -> Iterator[Path]:
    """A folder that PostgreSQL's user can reach, which those of pytest are not; gone afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="pg-", dir=within or _roomiest()))
    folder.chmod(0o755)
    own(folder)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def running_server(within: Path | None = None) -> Iterator[PostgresServer]:
    """A server that is there while this lasts, in a folder within that one where it is told."""
    with folder_for_a_server(within) as folder:
        server = PostgresServer(folder).made()
        server.start()
        try:
            yield server
        finally:
            server.stop()
