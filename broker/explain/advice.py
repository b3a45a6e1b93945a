"""What an admin can do about a refusal. What the caller is told stands in broker/errors.py."""

from collections.abc import Mapping

from broker.errors import Reason

PERMISSION = (
    "look with `broker doctor` for the permission that does it: a group's, the account's own, or NoAccess."
)
_VCENTER = "Find out with `broker doctor` what is wrong with vCenter; the next request asks it anew."
_DRIFT = "See with `broker roles drift` what changed; `broker roles restore` or `adopt` resolves it."

ADVICE: Mapping[Reason, str] = {
    Reason.UNAUTHENTICATED: "Put the app into `apps.yaml` with the scope `tickets`, then `broker apps add "
    "APP`; `broker apps enable APP` takes a cut back.",
    Reason.GRANT_UNKNOWN: "Write a grant for this app into `grants.yaml`, then apply and reload.",
    Reason.GRANT_EXPIRED: "Let the grant's owner decide on a later `valid_until`, then apply and reload.",
    Reason.GRANT_DISABLED: "`broker grants enable GRANT`, once whoever cut it agrees.",
    Reason.GRANT_TOO_LONG: "Bring the grant's `valid_until` inside its template's bound; apply and reload.",
    Reason.TEMPLATE_DISABLED: "Enable the template, or name another in the grant, then apply and reload.",
    Reason.TICKET_KIND_REFUSED: "Name a template in the grant that is for CIM tickets; apply and reload.",
    Reason.HOST_UNKNOWN: "If the name is right, no account of the app's grants may see the host: write a "
    "grant whose scope holds it, then apply and reload.",
    Reason.HOST_AMBIGUOUS: "Ask by a name that only this host has; vCenter's own name for it goes first.",
    Reason.OUT_OF_SCOPE: "Widen the scope of a grant, or write one, then apply and reload.",
    Reason.GRANT_AMBIGUOUS: "Let the app name one of the grants, or make their scopes disjoint.",
    Reason.NOT_APPLIED: f"`broker roles apply`; where that has nothing to change, {PERMISSION}",
    Reason.DRIFTED: _DRIFT,
    Reason.NARROWED: _DRIFT,
    Reason.CONTROLLER_SILENT: "Start `broker controller`, or see in its log why it cannot look there.",
    Reason.OVER_PRIVILEGED: f"Somebody gave it more: {PERMISSION}",
    Reason.UNPROVEN: _VCENTER,
    Reason.HOST_DISCONNECTED: "Reconnect the host in vCenter.",
    Reason.HOST_VERSION_UNSUPPORTED: "Read the host's health through vCenter; `first_unsupported_major` in "
    "`vcenters.yaml` is where the line is drawn.",
    Reason.CIM_SERVICE_STOPPED: "Start sfcbd-watchdog there, or let the grant say `readiness: advise`.",
    Reason.LOGIN_LATCHED: "Correct the account's password, or `broker accounts retry VCENTER USER` once "
    "it is right.",
    Reason.INVENTORY_STALE: _VCENTER,
    Reason.VCENTER_UNAVAILABLE: _VCENTER,
    Reason.VCENTER_BUSY: _VCENTER,
    Reason.VCENTER_FAULT: _VCENTER,
    Reason.VCENTER_TIMEOUT: _VCENTER,
}
