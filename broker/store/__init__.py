"""The store: one SQLite file that outlives processes, and the only importer of SQLAlchemy."""
