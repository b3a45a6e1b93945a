"""The whole product on a store in PostgreSQL: as on a file, and beyond the end of its server."""

from pathlib import Path
from urllib.parse import quote

from broker.audit.reading import AuditReading
from broker.client.errors import BrokerRefused
from broker.clock import SystemClock
from broker.demo.files import APP
from broker.model.stores import PostgresqlStore
from broker.store.database import Database
from tests.support.log_keys import LOG_KEYS
from tests.support.postgres_server import PASSWORD, running_server
from tests.support.stack import HOST, Stack, new_stack, until


def keep_in(stack: Stack, store: PostgresqlStore, password: Path) -> str:
    """Name the store in both files, in either way that there is; its URL."""
    mapping = {
        "host": store.host,
        "port": store.port,
        "database": store.database,
        "user": store.user,
        "password": {"file": str(password)},
    }
    place = f"{store.user}@:{store.port}/{store.database}?host={quote(store.host, safe='')}"
    url = f"postgresql://{place}&password_file={quote(str(password), safe='')}"
    mark = str(stack.site.root / "high-water")
    stack.edit("server.yaml", lambda server: server.update(store={"postgresql": mapping}))
    stack.edit("server.yaml", lambda server: server.setdefault("audit", {}).update(high_water=mark))
    stack.edit("../controller/controller.yaml", lambda controller: controller.update(store=url))
    return url


def events(store: PostgresqlStore) -> list[str]:
    database = Database.open_existing(store, SystemClock(), LOG_KEYS)
    try:
        return [str(record["event"]) for record in AuditReading(database).records()]
    finally:
        database.close()


def gets_a_ticket(stack: Stack) -> bool:
    with stack.client() as client:
        try:
            return client.ticket(HOST).host == HOST
        except BrokerRefused:
            return False


def test_tickets_are_issued_on_record_and_again_once_a_server_that_crashed_is_back(tmp_path: Path) -> None:
    with running_server() as server, new_stack(tmp_path) as stack:
        store = server.new_store()
        url = keep_in(stack, store, server.password_file)
        stack.apply()
        stack.config("apps", "add", APP)
        stack.start("controller", "--config", str(stack.site.controller_file))
        stack.serve()
        stack.ready()
        assert gets_a_ticket(stack)
        assert "ticket_issued" in events(store)
        server.stop()
        until(lambda: stack.get("/readyz").status_code == 503, "the trouble")
        assert not gets_a_ticket(stack)
        server.start()
        stack.ready()
        assert gets_a_ticket(stack)
        assert events(store).count("ticket_issued") == 2
        stack.broker("audit", "verify", "--store", url, "--audit-keys", str(stack.site.log_keys))
        assert PASSWORD not in "".join(p.read_text() for p in stack.site.root.glob("*.log"))
        assert not stack.store.exists()
