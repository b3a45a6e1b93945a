"""The schema's revisions, the same for every engine: `alembic` reads them, `schema.py` runs them."""
