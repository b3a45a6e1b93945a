"""Reading a secret from where its reference points."""

import os
import stat
from collections.abc import Callable, Mapping
from pathlib import Path

from broker.errors import SecretUnavailable
from broker.model.secret import Secret, SecretCredential, SecretFile, SecretReference, SecretVariable

SecretReader = Callable[[SecretReference], Secret]

_MAX_BYTES = 64 * 1024


def read_secret(reference: SecretReference, environment: Mapping[str, str] = os.environ) -> Secret:
    """Read the secret now: a file that changed gives its new content.

    One trailing newline is not part of a secret. Raises SecretUnavailable, which names the
    reference and never the content.
    """
    match reference:
        case SecretFile(path):
            return _from_file(path)
        case SecretCredential(name):
            directory = environment.get("CREDENTIALS_DIRECTORY")
            if not directory:
                raise SecretUnavailable(
                    f"credential {name}: $CREDENTIALS_DIRECTORY is not set; start through systemd"
                )
            return _read(Path(directory) / name)
        case SecretVariable(name):
            value = environment.get(name)
            if not value:
                raise SecretUnavailable(f"environment variable {name} is not set or empty")
            return Secret(value)


def _from_file(path: Path) -> Secret:
    try:
        mode = path.stat().st_mode
    except OSError as error:
        raise SecretUnavailable(f"secret file {path}: {error.strerror}") from None
    if not stat.S_ISREG(mode) or mode & 0o077:
        raise SecretUnavailable(
            f"secret file {path} must be a regular file with mode 0600; run: chmod 600 {path}"
        )
    return _read(path)


def _read(path: Path) -> Secret:
    try:
        with path.open("rb") as file:
            content = file.read(_MAX_BYTES + 1)
        text = content.decode()
    except OSError as error:
        raise SecretUnavailable(f"secret file {path}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise SecretUnavailable(f"secret file {path} is not UTF-8 text") from None
    if len(content) > _MAX_BYTES or not text.removesuffix("\n"):
        raise SecretUnavailable(f"secret file {path} is empty or larger than {_MAX_BYTES} bytes")
    return Secret(text.removesuffix("\n"))
