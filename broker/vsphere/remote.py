"""The type of what pyVmomi makes at run time."""

from typing import Any, TypeAlias

Remote: TypeAlias = Any
"""A data or managed object of vCenter: its classes are built from tables, its fields untyped.

Never format or log one: repr() shows every field, secrets included.
"""
