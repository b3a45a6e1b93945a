"""Services and firewall of an ESXi host, shaped as ESXi 8.0.3 answers."""

from typing import NamedTuple

from pyVmomi import vim

from broker.lab.world.host import Host

CIM_SERVICE = "sfcbd-watchdog"
CIM_RULESET = "CIMHttpsServer"

_PACKAGE = vim.host.Service.SourcePackage(
    sourcePackageName="esx-base",
    description="This VIB contains all of the base functionality of vSphere ESXi.",
)


class _Service(NamedTuple):
    key: str
    label: str
    running: bool
    policy: str


class _Ruleset(NamedTuple):
    key: str
    label: str
    enabled: bool
    rules: tuple[tuple[str, int, str], ...]


_SERVICES = (
    ("DCUI", "Direct Console UI", True, "on"),
    ("TSM", "ESXi Shell", False, "off"),
    ("TSM-SSH", "SSH", False, "off"),
    ("lbtd", "Load-Based Teaming Daemon", True, "on"),
    ("lwsmd", "Active Directory Service", False, "off"),
    ("ntpd", "NTP Daemon", True, "on"),
    (CIM_SERVICE, "CIM Server", True, "on"),
    ("slpd", "slpd", False, "off"),
    ("snmpd", "SNMP Server", False, "on"),
    ("vmsyslogd", "Syslog Server", True, "on"),
    ("vpxa", "VMware vCenter Agent", True, "on"),
)
"""The CIM server's state comes from the host."""

_RULESETS = (
    ("CIMHttpServer", "CIM Server", True, (("inbound", 5988, "tcp"),)),
    (CIM_RULESET, "CIM Secure Server", True, (("inbound", 5989, "tcp"),)),
    ("CIMSLP", "CIM SLP", False, (("inbound", 427, "udp"), ("outbound", 427, "udp"))),
    ("dns", "DNS Client", True, (("outbound", 53, "udp"), ("outbound", 53, "tcp"))),
    ("ntpClient", "NTP Client", True, (("outbound", 123, "udp"),)),
    ("snmp", "SNMP Server", False, (("inbound", 161, "udp"),)),
    ("sshServer", "SSH Server", True, (("inbound", 22, "tcp"),)),
    ("syslog", "syslog", True, (("outbound", 514, "udp"), ("outbound", 1514, "tcp"))),
    ("vSphereClient", "vSphere Web Client", True, (("inbound", 902, "tcp"), ("inbound", 443, "tcp"))),
    ("vpxHeartbeats", "VMware vCenter Agent", True, (("outbound", 902, "udp"),)),
)


def service_info(host: Host) -> vim.host.ServiceInfo:
    """`config.service`."""
    return vim.host.ServiceInfo(service=[_service(host, _Service(*each)) for each in _SERVICES])


def firewall_info(host: Host) -> vim.host.FirewallInfo:
    """`config.firewall`."""
    return vim.host.FirewallInfo(
        defaultPolicy=vim.host.FirewallInfo.DefaultPolicy(incomingBlocked=True, outgoingBlocked=True),
        ruleset=[_ruleset(host, _Ruleset(*each)) for each in _RULESETS],
    )


def _service(host: Host, row: _Service) -> vim.host.Service:
    return vim.host.Service(
        key=row.key,
        label=row.label,
        required=row.key == "vmsyslogd",
        uninstallable=False,
        running=host.wbem_running if row.key == CIM_SERVICE else row.running,
        policy=row.policy,
        sourcePackage=_PACKAGE,
    )


def _ruleset(host: Host, row: _Ruleset) -> vim.host.Ruleset:
    cim = row.key == CIM_RULESET
    return vim.host.Ruleset(
        key=row.key,
        label=row.label,
        required=row.key in {"sshServer", "vSphereClient"},
        rule=[
            vim.host.Ruleset.Rule(port=port, direction=direction, portType="dst", protocol=protocol)
            for direction, port, protocol in row.rules
        ],
        enabled=host.cim_ruleset_enabled if cim else row.enabled,
        allowedHosts=_allowed(host.cim_allowed if cim else ()),
        userControllable=not cim,
        ipListUserConfigurable=True,
    )


def _allowed(allowed: tuple[str, ...]) -> vim.host.Ruleset.IpList:
    networks = [each.partition("/") for each in allowed if "/" in each]
    return vim.host.Ruleset.IpList(
        ipAddress=[each for each in allowed if "/" not in each],
        ipNetwork=[
            vim.host.Ruleset.IpNetwork(network=network, prefixLength=int(length))
            for network, _, length in networks
        ],
        allIp=not allowed,
    )
