"""Inserts that may meet a row of the same key, in the words of the database that holds it."""

from collections.abc import Mapping
from importlib import import_module
from typing import cast

from sqlalchemy import Connection, Dialect, Table
from sqlalchemy.dialects.sqlite import Insert


def put(connection: Connection, table: Table, values: Mapping[str, object]) -> None:
    """Insert the row, or put its values in place of those of the row with its primary key."""
    key = list(table.primary_key.columns)
    insert = insert_of(connection.dialect, table).values(values)
    connection.execute(insert.on_conflict_do_update(index_elements=key, set_=values))


def put_new(connection: Connection, table: Table, values: Mapping[str, object]) -> bool:
    """Insert the row; False, and all stays as it is, where its primary key is taken."""
    insert = insert_of(connection.dialect, table).values(values).on_conflict_do_nothing()
    return connection.execute(insert.returning(*table.primary_key.columns)).first() is not None


def insert_of(dialect: Dialect, table: Table) -> Insert:
    """An insert that can say what happens on a conflict, which every dialect has in a class of its own.

    The classes have these methods in common; only that of the dialect in use is imported.
    """
    return cast("Insert", import_module(f"sqlalchemy.dialects.{dialect.name}").insert(table))
