"""`broker roles schema`: for editors, the JSON Schema of a template's file."""

import click

from broker.console import show_json
from broker.policy.schema import template_schema


@click.command("schema", short_help="Print the JSON Schema of a role template.")
def command() -> None:
    """Print the JSON Schema of a role template; a copy lies beside the templates that are shipped.

    Editors with the YAML language server take it from a template's first line.
    """
    show_json(template_schema())
