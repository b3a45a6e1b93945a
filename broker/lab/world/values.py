"""One name for what pyVmomi makes."""

from typing import Any, TypeAlias

VimValue: TypeAlias = Any
"""A pyVmomi value, type or reference: its classes are made at run time, so no checker knows them."""


def moid_of(reference: VimValue) -> str:
    """The id in a managed object reference."""
    return str(reference._GetMoId())  # noqa: SLF001 - pyVmomi's documented way to the id
