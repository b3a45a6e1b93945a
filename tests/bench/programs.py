"""Programs that do not come from PyPI, for a bench that is no test and cannot skip."""

import os
from pathlib import Path

import click

from tests.support.tools import find_tool, how_to_get


def program(name: str) -> Path:
    """The program's path. Raises ClickException, which says how to install it."""
    found = find_tool(name, os.environ)
    if found is None:
        raise click.ClickException(f"{name} is not installed: {how_to_get(name)}")
    return found
