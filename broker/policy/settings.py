"""From server.yaml and controller.yaml to the settings that processes start with."""

from collections.abc import Mapping
from types import MappingProxyType

from broker.model.names import VcenterId
from broker.model.principals import canonical_user
from broker.model.settings import (
    AuditSettings,
    CheckpointsOut,
    ControllerLogin,
    ControllerSettings,
    MetricsListener,
    MetricsTls,
    ServerSettings,
    TlsListener,
    UnixListener,
)
from broker.policy.compile import compile_rate, compile_reference, compile_store
from broker.policy.problems import Problems
from broker.policy.settings_files import AuditEntry, ControllerFile, ListenerEntry, MetricsEntry, ServerFile
from broker.policy.written import Written, WrittenPolicy


def compile_server(written: Written[ServerFile]) -> ServerSettings:
    """The settings; relative paths start at the file's folder."""
    body, folder = written.body, written.document.file.parent
    return ServerSettings(
        issuer=body.issuer,
        listener=_listener(written, body.listener),
        workers=body.workers,
        threads=body.threads,
        batch_hosts=body.batch_hosts,
        store=compile_store(body.store, folder),
        roles=written.beside(body.roles),
        signing_keys=tuple(compile_reference(key, folder) for key in body.signing_keys),
        fingerprint_key=compile_reference(body.fingerprint_key, folder),
        old_fingerprint_keys=tuple(compile_reference(key, folder) for key in body.old_fingerprint_keys),
        audit=_audit(written, body.audit),
        redis_url=compile_reference(body.redis_url, folder) if body.redis_url else None,
        proof_max_age_s=body.proof_max_age_s,
        service_rate=compile_rate(body.service_rate),
        failed_authentications=compile_rate(body.failed_authentications),
        recorded_refusals=compile_rate(body.recorded_refusals),
        disk_reserve_mib=body.disk_reserve_mib,
        orphan_grace_s=body.orphan_grace_s,
        metrics=_metrics(written, body.metrics) if body.metrics else None,
    )


def _audit(written: Written[ServerFile], audit: AuditEntry) -> AuditSettings:
    out = audit.checkpoints
    return AuditSettings(
        keys=written.beside(audit.keys),
        high_water=written.beside(audit.high_water) if audit.high_water else None,
        checkpoints=CheckpointsOut(out.every_s, written.beside(out.file) if out.file else None)
        if out
        else None,
    )


def _metrics(written: Written[ServerFile], metrics: MetricsEntry) -> MetricsListener:
    if metrics.certificate is None or metrics.key is None:
        return MetricsListener(metrics.host, metrics.port, None)
    client_ca = written.beside(metrics.client_ca) if metrics.client_ca else None
    tls = MetricsTls(written.beside(metrics.certificate), written.beside(metrics.key), client_ca)
    return MetricsListener(metrics.host, metrics.port, tls)


def _listener(written: Written[ServerFile], listener: ListenerEntry) -> TlsListener | UnixListener:
    if listener.tls is not None:
        tls = listener.tls
        return TlsListener(tls.host, tls.port, written.beside(tls.certificate), written.beside(tls.key))
    if listener.unix is not None:
        return UnixListener(written.beside(listener.unix.path))
    raise AssertionError("the model demands one of the two")


def compile_controller(written: Written[ControllerFile]) -> ControllerSettings:
    """The settings; relative paths start at the file's folder."""
    body, folder = written.body, written.document.file.parent
    logins: Mapping[VcenterId, ControllerLogin] = {
        VcenterId(vcenter): ControllerLogin(login.user, compile_reference(login.password, folder))
        for vcenter, login in sorted(body.logins.items())
    }
    return ControllerSettings(
        policy=written.beside(body.policy),
        store=compile_store(body.store, folder),
        audit_keys=written.beside(body.audit_keys) if body.audit_keys else None,
        audit_high_water=written.beside(body.audit_high_water) if body.audit_high_water else None,
        interval_s=body.interval_s,
        logins=MappingProxyType(logins),
    )


def check_logins(controller: Written[ControllerFile], policy: WrittenPolicy, problems: Problems) -> None:
    """Note log-ins for a vCenter that is not there, and the privileged user among the accounts.

    The privileged credential never serves a request, so it may not be one of those that do.
    """
    for vcenter, login in controller.body.logins.items():
        key = ("logins", vcenter)
        if not policy.vcenters.has(vcenter):
            controller.note(problems, key, "leads nowhere", "Name a vCenter that is in vcenters.yaml")
        for account in policy.accounts:
            same = canonical_user(account.body.user) == canonical_user(login.user)
            if same and account.body.vcenter == vcenter:
                problem = f"is account {account.id} too: the privileged user would serve requests"
                controller.note(problems, (*key, "user"), problem, "Use two users")


def check_logins_complete(
    controller: Written[ControllerFile], policy: WrittenPolicy, problems: Problems
) -> None:
    """Note each vCenter that a grant is for and that the controller cannot log in to.

    Apart from `check_logins`, since a controller without it still serves the other vCenters.
    """
    used = {
        policy.accounts.entries[g.body.account].body.vcenter
        for g in policy.grants
        if g.body.account in policy.accounts.entries
    }
    if missing := sorted(used - controller.body.logins.keys()):
        problem = f"has none for {', '.join(missing)}: grants there cannot be applied"
        controller.note(problems, ("logins",), problem, "Add the controller's user for it")
