"""Where a store lies: a file of its own, or a database on a server."""

from dataclasses import dataclass
from pathlib import Path

from broker.model.secret import SecretReference


@dataclass(frozen=True, slots=True)
class PostgresqlStore:
    """A database of its own on a PostgreSQL server.

    `host` is a DNS name, an IP address, or the absolute path of the folder of the server's Unix socket.
    """

    host: str
    port: int
    database: str
    user: str
    password: SecretReference | None
    """None where the server knows the user otherwise, as by `peer` on a Unix socket."""
    ca_file: Path | None
    """Trust anchor for TLS; None only where the connection never leaves the machine."""

    def __str__(self) -> str:
        """As operators know it; holds no secret."""
        return f"postgresql://{self.user}@{self.host}:{self.port}/{self.database}"


StoreLocation = Path | PostgresqlStore
"""A path stands for a SQLite file."""
