"""Types of columns that mean the same on every engine."""

from sqlalchemy import BigInteger, types

Integer = BigInteger().with_variant(types.Integer(), "sqlite")
"""64 bits. SQLite has them in INTEGER, and takes nothing else for the key of its rows."""
Text = types.Text().with_variant(types.Text(collation="C"), "postgresql")
"""Compared and sorted by code points, as SQLite does it, whatever the database's language."""
