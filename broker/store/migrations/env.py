"""Where alembic begins: on the connection that it is handed, inside the transaction that is open there."""

from alembic import context

from broker.store.tables import REVISIONS, metadata

context.configure(
    connection=context.config.attributes["connection"], target_metadata=metadata, version_table=REVISIONS
)
context.run_migrations()
