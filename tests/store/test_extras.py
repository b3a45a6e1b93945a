"""A store in a file pays for no other engine, and one in PostgreSQL says what it lacks."""

import subprocess
import sys
from pathlib import Path

from broker.store.database import Database
from tests.support.clock import HandClock
from tests.support.log_keys import LOG_KEYS

ROOT = Path(__file__).parents[2]

_OPEN_BOTH = """
import sys
from pathlib import Path
from broker.clock import SystemClock
from broker.errors import LogUnavailable
from broker.model.stores import PostgresqlStore
from broker.store.database import Database
from tests.support.log_keys import LOG_KEYS
Database.open(Path(sys.argv[1]), SystemClock(), LOG_KEYS).close()
print(sorted({"alembic", "psycopg", "sqlalchemy.dialects.postgresql"} & sys.modules.keys()))
sys.modules["psycopg"] = None
try:
    Database.open(PostgresqlStore("/run", 5432, "d", "u", None, None), SystemClock(), LOG_KEYS)
except LogUnavailable as unavailable:
    print(unavailable.detail)
"""


def test_what_a_store_does_not_need_is_not_imported_and_need_not_be_installed(path: Path) -> None:
    Database.open(path, HandClock(), LOG_KEYS).close()
    done = subprocess.run(
        [sys.executable, "-c", _OPEN_BOTH, str(path)], cwd=ROOT, check=True, capture_output=True, text=True
    )
    imported, lacking = done.stdout.splitlines()
    assert imported == "[]"
    assert lacking == "a store in PostgreSQL needs psycopg; run: pip install 'cim-ticket-broker[postgres]'"
