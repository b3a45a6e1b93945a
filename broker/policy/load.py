"""The doors: files in, values out, or their problems at once.

A file that is missing, empty, unreadable or broken is an error and never a default.
"""

import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from broker.errors import ConfigurationError
from broker.model.policy import Policy
from broker.model.settings import ControllerSettings, ServerSettings
from broker.policy.app_keys import read_app_keys
from broker.policy.bounds import check_bounds
from broker.policy.compile import compile_policy
from broker.policy.problems import ConfigurationErrors, Problems, as_json, explain
from broker.policy.reachable import check_controller, check_policy
from broker.policy.references import check_references
from broker.policy.settings import check_logins, check_logins_complete, compile_controller, compile_server
from broker.policy.settings_files import ControllerFile, ServerFile
from broker.policy.shares import check_shares
from broker.policy.workers import check_metrics_ports, check_places, check_redis, share_of
from broker.policy.written import SERVER, Written, WrittenPolicy, read_policy, read_whole
from broker.secrets import SecretReader, read_secret

__all__ = [
    "ConfigurationErrors",
    "as_json",
    "check",
    "explain",
    "load_controller",
    "load_policy",
    "load_server",
    "load_share",
    "load_with_places",
    "load_worker",
]


def load_policy(directory: Path) -> Policy:
    """The policy that the files in `directory` say, as one snapshot. Raises ConfigurationErrors.

    The folder is resolved once, so that all files are of one release where it is a link.
    """
    problems = Problems()
    written = read_policy(directory.resolve(), problems)
    if written.server is not None:
        check_places(written, written.server.body.workers, problems)
    return _policy(written, problems)


def load_share(directory: Path, workers: int) -> Policy:
    """The policy for one of so many workers that run: with its share of every vCenter's places.

    However many server.yaml names by now. Raises ConfigurationErrors.
    """
    problems = Problems()
    written = read_policy(directory.resolve(), problems)
    check_places(written, workers, problems)
    return share_of(_policy(written, problems), workers)


def load_with_places(directory: Path) -> tuple[Policy, WrittenPolicy]:
    """The policy, and where everything in it is written. Raises ConfigurationErrors."""
    problems = Problems()
    written = read_policy(directory.resolve(), problems)
    return _policy(written, problems), written


def _policy(written: WrittenPolicy, problems: Problems) -> Policy:
    keys = read_app_keys(written.apps, problems)
    check_references(written, problems)
    check_bounds(written, problems)
    server = problems.demand(written.server)
    return compile_policy(written, server.body.role_prefix, keys)


def load_server(directory: Path) -> ServerSettings:
    """What server.yaml in `directory` says. Raises ConfigurationErrors."""
    problems = Problems()
    written = _read_server(directory, problems)
    if written is not None:
        check_redis(written, written.body.workers, problems)
        check_metrics_ports(written, written.body.workers, problems)
    return compile_server(problems.demand(written))


def load_worker(directory: Path, running: ServerSettings) -> ServerSettings:
    """What server.yaml says now, for a worker that joins those which run with other settings.

    What all of them must have in common stays: issuer, listeners, workers, threads, and the store
    with its reserve. Raises ConfigurationErrors.
    """
    problems = Problems()
    written = _read_server(directory, problems)
    if written is not None:
        check_redis(written, running.workers, problems)
    return replace(
        compile_server(problems.demand(written)),
        issuer=running.issuer,
        listener=running.listener,
        workers=running.workers,
        threads=running.threads,
        store=running.store,
        disk_reserve_mib=running.disk_reserve_mib,
        metrics=running.metrics,
    )


def _read_server(directory: Path, problems: Problems) -> Written[ServerFile] | None:
    return read_whole(directory.resolve() / SERVER, ServerFile, problems)


def load_controller(file: Path) -> ControllerSettings:
    """What the controller's file says, held against the policy that it names.

    Problems of the policy itself are left to `load_policy`. Raises ConfigurationErrors.
    """
    problems = Problems()
    written = read_whole(_in_resolved_folder(file), ControllerFile, problems)
    if written is not None:
        check_logins(written, _policy_of(written.beside(written.body.policy)), problems)
    return compile_controller(problems.demand(written))


def check(
    directory: Path,
    controller_file: Path | None = None,
    read: SecretReader = read_secret,
    environment: Mapping[str, str] = os.environ,
) -> tuple[ConfigurationError, ...]:
    """Everything that is wrong, with the files and secrets that are referred to; never raises.

    A secret is left out where this user could not read it though the service may: a file of
    another user, a credential outside systemd, a variable that is not set here.
    """
    problems = Problems()
    written = read_policy(directory.resolve(), problems)
    read_app_keys(written.apps, problems)
    check_references(written, problems)
    check_bounds(written, problems)
    check_shares(written, problems)
    if written.server is not None:
        check_redis(written.server, written.server.body.workers, problems)
        check_metrics_ports(written.server, written.server.body.workers, problems)
        check_places(written, written.server.body.workers, problems)
    check_policy(written, read, environment, problems)
    if controller_file is not None:
        controller = read_whole(_in_resolved_folder(controller_file), ControllerFile, problems)
        if controller is not None:
            check_logins(controller, written, problems)
            check_logins_complete(controller, written, problems)
            check_controller(controller, read, environment, problems)
    return problems.found()


def _in_resolved_folder(file: Path) -> Path:
    """The file in its real folder; itself it may be a link, and relative paths start beside the link."""
    return file.parent.resolve() / file.name


def _policy_of(directory: Path) -> WrittenPolicy:
    return read_policy(directory.resolve(), Problems())
