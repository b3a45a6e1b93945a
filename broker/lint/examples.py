"""For each rule something that it finds, as files: shown in the reference, and run by a test."""

from collections.abc import Mapping
from datetime import date
from types import MappingProxyType
from typing import Final

TODAY: Final = date(2026, 12, 1)
"""The day on which the examples are looked at."""

_TEMPLATE = """\
name: example
description: Shows what a rule finds
owner: virtualisation team
review_by: "2027-06-30"
entity_types: [ClusterComputeResource, HostSystem]
ticket_kinds: [cim]
"""


def _template(*privileges: str, name: str = "example", more: str = "") -> dict[str, str]:
    held = "".join(f"  - {{id: {each}, reason: the example}}\n" for each in privileges)
    text = _TEMPLATE.replace("name: example", f"name: {name}")
    return {f"roles/{name}.yaml": f"{text}{more}privileges:\n{held}"}


def _grant(name: str, scope: str, template: str = "cim-ticket", more: str = "") -> str:
    return (
        f"  {name}:\n    app: nagios\n    template: {template}\n    account: cim-a\n    scope: [{scope}]\n"
        f"    owner: storage team\n    reason: disks fail\n    valid_until: 2027-01-01T00:00:00Z\n{more}"
    )


def _grants(*entries: str) -> dict[str, str]:
    return {"grants.yaml": "grants:\n" + "".join(entries)}


_ACCOUNT = """\
accounts:
  cim-a:
    vcenter: prod
    user: svc-cim-a@vsphere.local
    password: {file: cim-a.password}
"""

_APPS = """\
apps:
  nagios: {description: Sensors, owner: storage team, scopes: [tickets]}
  icinga: {description: Sensors too, owner: network team, scopes: [tickets]}
"""

_CIM = "Host.Cim.CimInteraction"
_HOST = "/DC1/host/cluster-01/esx01.example.com"

EXAMPLES: Final[Mapping[str, Mapping[str, str]]] = MappingProxyType(
    {
        "BR001": _template("Authorization.ModifyPermissions"),
        "BR002": _template(_CIM, "Host.Config.SystemManagement"),
        "BR003": _grants(_grant("everywhere", "/DC1")),
        "BR004": {"accounts.yaml": _ACCOUNT + "    tolerated: [Global.Health]\n"},
        "BR005": _template("Host.Cim.Everything"),
        "BR006": _template("VRMPolicy.Query"),
        "BR007": _template("Host.CIM.CIMInteraction"),
        "BR008": _template("Namespaces.Backup"),
        "BR009": _template(_CIM, "Global.Health")
        | _grants(_grant("narrow", "/DC1/host/a"), _grant("wide", "/DC1/host/b", "example")),
        "BR010": _grants(_grant("cluster", "/DC1/host/cluster-01"), _grant("one-host", _HOST)),
        "BR011": _template("Host.Stats.Query")
        | _grants(_grant("cluster", "/DC1/host/cluster-01"), _grant("one-host", _HOST, "example")),
        "BR012": {"apps.yaml": _APPS, "accounts.yaml": _ACCOUNT + "    shared_by: [nagios, icinga]\n"}
        | _grants(
            _grant("sensors", "/DC1/host/a"), _grant("more", "/DC1/host/b").replace("nagios", "icinga")
        ),
        "BR013": {file: text.replace("2027-06-30", "2026-11-30") for file, text in _template(_CIM).items()},
        "BR014": _template(
            "Authorization.ModifyRoles",
            more="overrides:\n"
            "  - {rule: BR001, privilege: Authorization.ModifyRoles, reason: the move, owner: me,"
            ' expires: "2026-11-30"}\n',
        ),
        "BR015": _template(
            _CIM, more='overrides:\n  - {rule: BR008, reason: the move, owner: me, expires: "2027-11-30"}\n'
        ),
        "BR016": _template(_CIM, more="max_days: 30\n")
        | _grants(_grant("sensors", "/DC1/host/a", "example")),
        "BR017": _template(_CIM, more="enabled: false\n")
        | _grants(_grant("sensors", "/DC1/host/a", "example")),
        "BR018": _grants(_grant("sensors", "/DC1/host/a").replace("2027-01-01", "2026-11-30")),
        "BR019": _grants(_grant("sensors", "/DC1/host/Pr\u043eduction")),
    }
)
"""Files by rule. With the rest of a policy that has no findings, each makes one of its rule."""
