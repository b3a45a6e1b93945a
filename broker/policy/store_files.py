"""The store as admins write it: a path, a URL, or a mapping that says the same at more length."""

import re
from ipaddress import ip_address
from typing import Annotated
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

from pydantic import AfterValidator, Field, model_validator

from broker.errors import InvalidName
from broker.model.names import parse_host_name
from broker.policy.files import Reference, Strict
from broker.policy.grammar import FilePath, Kind, file_path, refuse

URL = "postgresql://user@host:5432/database?ca_file=PATH&password_file=PATH"
"""The form of a URL; `?host=/run/postgresql` stands for a server's Unix socket."""

_SCHEME = "postgresql"
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.@-]{0,62}")
_SECRETS = {"password_file": "file", "password_credential": "credential", "password_variable": "variable"}


def _server(text: str) -> str:
    if text.startswith("/"):
        return file_path(text)
    try:
        return parse_host_name(text)
    except InvalidName as error:
        refuse("is not a server", f"Use {error.grammar}, or the absolute path of its Unix socket's folder")


def _name(text: str) -> str:
    if _NAME.fullmatch(text) is None:
        refuse("is not a name", "Use letters, digits and _ . @ -, 1 to 63 characters, no digit at the front")
    return text


Server = Annotated[str, AfterValidator(_server), Kind("DNS name, IP address or folder")]
Name = Annotated[str, AfterValidator(_name), Kind("name")]


class PostgresqlEntry(Strict):
    """A database of its own on a PostgreSQL server."""

    host: Server = Field(description="The server, or the folder of its Unix socket: an absolute path.")
    port: int = Field(default=5432, ge=1, le=65535, description="The server's port.")
    database: Name = Field(description="The database; it holds nothing else.")
    user: Name = Field(description="The role to log in as.")
    password: Reference | None = Field(
        default=None, description="Where its password is; none where the server knows the user without."
    )
    ca_file: FilePath | None = Field(
        default=None, description="PEM of the CA of the server's certificate; needed but on this machine."
    )

    @model_validator(mode="after")
    def _protected(self) -> "PostgresqlEntry":
        if self.host.startswith("/"):
            if self.ca_file is not None:
                refuse("has a ca_file and no TLS", "Remove it: a Unix socket stays on this machine")
        elif self.ca_file is None and not _on_this_machine(self.host):
            refuse("is another machine, without TLS", "Write ca_file, the CA of the server's certificate")
        return self


def _on_this_machine(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


class StoreEntry(Strict):
    """Log and state: exactly one of the two."""

    sqlite: FilePath | None = Field(default=None, description="A SQLite file; the same as its path alone.")
    postgresql: PostgresqlEntry | None = Field(default=None, description=f"A database; the same as `{URL}`.")

    @model_validator(mode="before")
    @classmethod
    def _written_short(cls, value: object) -> object:
        if not isinstance(value, str):
            return value
        if value.startswith(f"{_SCHEME}:"):
            return {"postgresql": _from_url(value)}
        if "://" in value:
            refuse("is not the URL of a store", f"Write it as {URL}, or the path of a file")
        return {"sqlite": file_path(value)}

    @model_validator(mode="after")
    def _one_of_two(self) -> "StoreEntry":
        if (self.sqlite is None) == (self.postgresql is None):
            refuse("needs one place", "Write a path, or exactly one of sqlite and postgresql")
        return self


StoreOf = Annotated[StoreEntry, Kind("path, URL or mapping")]


def _from_url(text: str) -> dict[str, object]:
    """The mapping that the URL stands for. What is wrong with its parts is found there."""
    try:
        url = urlsplit(text)
        port, query = (
            url.port,
            dict(parse_qsl(url.query, keep_blank_values=True, strict_parsing=bool(url.query))),
        )
    except ValueError:
        refuse("is not a URL", f"Write it as {URL}")
    if url.password is not None:
        refuse("holds a password", "Name its file by ?password_file=PATH, and change it: it was written here")
    if (
        url.fragment
        or not query.keys() <= {"host", "ca_file", *_SECRETS}
        or (url.hostname and "host" in query)
    ):
        refuse("is not the URL of a store", f"Write it as {URL}")
    return _entry(url, port, query)


def _entry(url: SplitResult, port: int | None, query: dict[str, str]) -> dict[str, object]:
    secret = {kind: query[name] for name, kind in _SECRETS.items() if name in query}
    said = {
        "host": url.hostname or query.get("host"),
        "port": port,
        "database": unquote(url.path.removeprefix("/")),
        "user": unquote(url.username or ""),
        "password": secret or None,
        "ca_file": query.get("ca_file"),
    }
    return {name: value for name, value in said.items() if value is not None}
