"""The type of what pyVmomi makes at run time."""

from typing import Any, TypeAlias

Remote: TypeAlias = Any
"""A data or managed object of vCenter: its classes are built from tables, its fields untyped.

Never format or log one: repr() shows every field, secrets included.
"""


def identity_of(thing: Remote) -> str:
    """The id of a managed object, as vCenter told it: not checked yet."""
    return str(thing._moId)  # noqa: SLF001 - pyVmomi has no public name for it
