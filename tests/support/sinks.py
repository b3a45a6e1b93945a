"""What a site keeps secret, and everything that its processes wrote."""

import subprocess
from base64 import b64decode
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from tests.support.stack import Stack

_USERS = ("svc-cim-a@vsphere.local", "broker-controller@vsphere.local", "administrator@vsphere.local")


def secrets_of(stack: Stack) -> dict[str, str]:
    """Everything that a file of the site keeps secret, by where it is."""
    found = {f"password of {u}": stack.lab.password_file(u).read_text().strip() for u in _USERS}
    found["fingerprint key"] = (stack.site.root / "fingerprint.key").read_text().strip()
    for name in ("signing.key", "broker.key", "monitoring.key"):
        found[name] = (stack.site.root / name).read_text().splitlines()[1]
    for file in stack.site.log_keys.iterdir():
        found |= {f"{file.name}, {form}": text for form, text in _forms_of(file.read_text().strip()).items()}
    return found


def _forms_of(log_key: str) -> dict[str, str]:
    """What could be told of a key of the log: as its file has it, and the bytes that it stands for."""
    encoded = log_key.split("+", 4)[4]
    seed = b64decode(encoded)[1:]
    return {"as in its file": encoded, "in hexadecimal": seed.hex(), "as bytes": seed.decode("latin-1")}


def exported(stack: Stack) -> str:
    """The bytes of an export of the whole log, with all that can be asked of one."""
    folder = stack.site.root / "exported"
    stack.config("audit", "export", str(folder), "--proofs", "--csv")
    files = sorted(file for file in folder.rglob("*") if file.is_file())
    return "".join(file.read_bytes().decode("latin-1") for file in files)


def everything_written(stack: Stack) -> str:
    """Logs, records, the bytes of the store's files and of kept receipts, command lines and environments."""
    folders = (stack.store.parent, stack.site.receipts, *stack.site.log_state.glob("*"))
    kept = "".join(_bytes_of(folder) for folder in folders if folder.is_dir())
    return stack.said() + kept + _of_processes("cmdline") + _of_processes("environ")


def _bytes_of(folder: Path) -> str:
    """Of the store's files, read by another process: this one would drop its own locks on them."""
    files = sorted(file for file in folder.iterdir() if file.is_file())
    # One that is put into place meanwhile is gone under its first name: cat goes on and ends in 1.
    read = subprocess.run(["cat", "--", *files], check=False, capture_output=True)
    assert read.returncode in {0, 1}
    return read.stdout.decode("latin-1")


def leaked(secrets: Mapping[str, str], shown: str) -> list[str]:
    """The names of those secrets that can be read there."""
    return [where for where, secret in secrets.items() if secret in shown]


def _of_processes(what: str) -> str:
    """Of every process on this machine that can be read."""
    told = []
    for entry in Path("/proc").glob(f"[0-9]*/{what}"):
        with suppress(OSError):
            told.append(entry.read_bytes().decode("latin-1"))
    return "".join(told)
