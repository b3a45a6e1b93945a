"""`broker keys`: make the keys that the server's files refer to."""

import secrets
from pathlib import Path

import click
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from broker.cli.output import ExplainingGroup, format_option
from broker.console import tell
from broker.files import write_private


@click.group("keys", cls=ExplainingGroup)
def command() -> None:
    """Make key files, mode 0600. Nothing secret is printed."""


@command.command("signing", short_help="Make a key for access tokens, or an app's own.")
@click.argument("path", type=click.Path(path_type=Path, dir_okay=False))
@format_option
def signing(path: Path, output_format: str) -> None:
    """Make an EC P-256 key that signs access tokens, or a monitoring app's assertions.

    To rotate: add the new file last in `signing_keys` and reload, move it first and reload,
    drop the old one after five minutes and reload.
    """
    key = ec.generate_private_key(ec.SECP256R1())
    write_private(
        path,
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        ),
    )
    public = key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    tell(output_format, public.decode().rstrip(), file=path, public_key=public.decode())


@command.command("fingerprint", short_help="Make the key of the tickets' fingerprints.")
@click.argument("path", type=click.Path(path_type=Path, dir_okay=False))
@format_option
def fingerprint(path: Path, output_format: str) -> None:
    """Make the key of the tickets' fingerprints in the log: 32 random bytes as hex."""
    write_private(path, (secrets.token_hex(32) + "\n").encode())
    tell(output_format, f"wrote {path}", file=path)
