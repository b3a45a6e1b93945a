"""Whether what the files refer to is there: secrets, certificates, folders. For `broker config check`."""

import os
import stat
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TypeVar

from cryptography import x509
from pydantic import BaseModel

from broker.errors import SecretUnavailable
from broker.model.secret import SecretCredential, SecretFile, SecretReference, SecretVariable
from broker.policy.compile import compile_reference
from broker.policy.files import SecretReferenceText
from broker.policy.nodes import KeyPath
from broker.policy.problems import Problems
from broker.policy.settings_files import ControllerFile, MetricsEntry, ServerFile
from broker.policy.store_files import StoreEntry
from broker.policy.written import Written, WrittenPolicy
from broker.secrets import SecretReader

_Body = TypeVar("_Body", bound=BaseModel)


def check_policy(
    policy: WrittenPolicy, read: SecretReader, environment: Mapping[str, str], problems: Problems
) -> None:
    """Note what server.yaml, vcenters.yaml and accounts.yaml refer to and is not there."""
    if policy.server is not None:
        _check_server(policy.server, problems)
        _check_secrets(policy.server, read, environment, problems)
    for vcenter in policy.vcenters:
        _check_certificates(vcenter, ("ca_file",), vcenter.beside(vcenter.body.ca_file), problems)
    for account in policy.accounts:
        _check_secrets(account, read, environment, problems)


def check_controller(
    controller: Written[ControllerFile],
    read: SecretReader,
    environment: Mapping[str, str],
    problems: Problems,
) -> None:
    """Note what the controller's file refers to and is not there."""
    _check_folder(controller, ("policy",), controller.beside(controller.body.policy), problems)
    _check_store(controller, controller.body.store, problems)
    _check_secrets(controller, read, environment, problems)


def _check_server(server: Written[ServerFile], problems: Problems) -> None:
    _check_store(server, server.body.store, problems)
    listener = server.body.listener
    if listener.unix is not None:
        _check_folder(
            server, ("listener", "unix", "path"), server.beside(listener.unix.path).parent, problems
        )
    if listener.tls is not None:
        here = ("listener", "tls")
        _check_certificates(server, (*here, "certificate"), server.beside(listener.tls.certificate), problems)
        _check_file(server, (*here, "key"), server.beside(listener.tls.key), problems)
    if server.body.metrics is not None:
        _check_metrics(server, server.body.metrics, problems)


def _check_store(entry: Written[_Body], store: StoreEntry, problems: Problems) -> None:
    if store.sqlite is not None:
        _check_folder(entry, ("store",), entry.beside(store.sqlite).parent, problems)
    if store.postgresql is not None and store.postgresql.ca_file is not None:
        ca_file = entry.beside(store.postgresql.ca_file)
        _check_certificates(entry, ("store", "postgresql", "ca_file"), ca_file, problems)


def _check_folder(entry: Written[_Body], key: KeyPath, folder: Path, problems: Problems) -> None:
    if not _is(folder, stat.S_ISDIR):
        entry.note(problems, key, f"{folder} is no folder", "Make it, or name another")


def _check_file(entry: Written[_Body], key: KeyPath, file: Path, problems: Problems) -> None:
    if not _is(file, stat.S_ISREG):
        entry.note(problems, key, f"{file} is no file", "Make it, or name another")


def _is(path: Path, kind: Callable[[int], bool]) -> bool:
    try:
        return kind(path.stat().st_mode)
    except PermissionError:
        return True  # not for this user to say; the service has its own
    except OSError:
        return False


def _check_metrics(server: Written[ServerFile], metrics: MetricsEntry, problems: Problems) -> None:
    for name, file in (("certificate", metrics.certificate), ("client_ca", metrics.client_ca)):
        if file is not None:
            _check_certificates(server, ("metrics", name), server.beside(file), problems)
    if metrics.key is not None:
        _check_file(server, ("metrics", "key"), server.beside(metrics.key), problems)


def _check_certificates(entry: Written[_Body], key: KeyPath, file: Path, problems: Problems) -> None:
    try:
        x509.load_pem_x509_certificates(file.read_bytes())
    except PermissionError:
        return  # not for this user to say; the service has its own
    except OSError as error:
        entry.note(
            problems, key, f"{file} cannot be read: {error.strerror}", "Put the certificate there in PEM"
        )
    except ValueError:
        entry.note(problems, key, f"{file} holds no certificate in PEM", "Put the certificate there in PEM")


def _check_secrets(
    entry: Written[_Body], read: SecretReader, environment: Mapping[str, str], problems: Problems
) -> None:
    folder = entry.document.file.parent
    for key, text in _references((), entry.body):
        reference = compile_reference(text, folder)
        if not _is_for_us_to_read(reference, environment):
            continue
        try:
            read(reference)
        except SecretUnavailable as error:
            entry.note(problems, key, str(error), "Put the secret there, or refer to another place")


def _references(path: KeyPath, value: object) -> Iterator[tuple[KeyPath, SecretReferenceText]]:
    if isinstance(value, SecretReferenceText):
        yield path, value
    elif isinstance(value, BaseModel):
        for name in type(value).model_fields:
            yield from _references((*path, name), getattr(value, name))
    elif isinstance(value, Mapping):
        for name, item in value.items():
            yield from _references((*path, str(name)), item)
    elif isinstance(value, tuple):
        for index, item in enumerate(value):
            yield from _references((*path, index), item)


def _is_for_us_to_read(reference: SecretReference, environment: Mapping[str, str]) -> bool:
    match reference:
        case SecretFile(path):
            return os.access(path, os.R_OK, effective_ids=True) or not _is(path, lambda _: True)
        case SecretCredential():
            return "CREDENTIALS_DIRECTORY" in environment
        case SecretVariable(name):
            return name in environment
