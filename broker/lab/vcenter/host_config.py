"""Configuration of an ESXi host: release, network, certificate, and where its managers are."""

import hashlib
import ssl

from pyVmomi import vim

from broker.lab.vcenter.host_services import firewall_info, service_info
from broker.lab.world.host import Host
from broker.lab.world.values import VimValue

_BUILDS = {"7.0.3": "20328353", "8.0.3": "24280767", "9.0.0": "24755229"}

_BYTE_MAX = 127
"""xsd:byte is signed."""

_MANAGERS: dict[str, VimValue] = {
    "serviceSystem": vim.host.ServiceSystem,
    "firewallSystem": vim.host.FirewallSystem,
    "networkSystem": vim.host.NetworkSystem,
    "healthStatusSystem": vim.host.HealthStatusSystem,
    "hostAccessManager": vim.host.HostAccessManager,
}


def product(host: Host) -> vim.AboutInfo:
    """`config.product`."""
    build = _BUILDS.get(host.version, "24280767")
    name = "VMware ESX" if host.version.split(".")[0] == "9" else "VMware ESXi"
    return vim.AboutInfo(
        name=name,
        fullName=f"{name} {host.version} build-{build}",
        vendor="VMware, Inc.",
        version=host.version,
        patchLevel="3.0",
        build=build,
        localeVersion="INTL",
        localeBuild="000",
        osType="vmnix-x86",
        productLineId="embeddedEsx",
        apiType="HostAgent",
        apiVersion="9.0.0.0" if name == "VMware ESX" else "8.0.2.0",
        licenseProductName="VMware ESX Server",
        licenseProductVersion=".".join(host.version.split(".")[:2]),
    )


def network(host: Host) -> vim.host.NetworkInfo:
    """`config.network`: one management interface."""
    mac = ":".join(["02", *(host.uuid.replace("-", "")[index : index + 2] for index in range(0, 10, 2))])
    spec = vim.host.VirtualNic.Specification(
        ip=vim.host.IpConfig(dhcp=False, ipAddress=host.address, subnetMask="255.0.0.0"),
        mac=mac,
        portgroup="Management Network",
        mtu=1500,
        tsoEnabled=True,
        netStackInstanceKey="defaultTcpipStack",
        systemOwned=False,
    )
    return vim.host.NetworkInfo(
        vnic=[
            vim.host.VirtualNic(
                device="vmk0", key="key-vim.host.VirtualNic-vmk0", portgroup="Management Network", spec=spec
            )
        ],
        dnsConfig=dns_config(host),
    )


def dns_config(host: Host) -> vim.host.DnsConfig:
    """`config.network.dnsConfig`."""
    return vim.host.DnsConfig(
        dhcp=False,
        hostName=host.short_name,
        domainName=host.domain,
        address=["127.0.0.53"],
        searchDomain=[host.domain],
    )


def certificate_bytes(pem: str) -> list[int]:
    """`config.certificate`: the PEM, each byte signed as the API has it."""
    return [byte - 256 if byte > _BYTE_MAX else byte for byte in pem.encode()]


def thumbprint(pem: str) -> str:
    """`summary.config.sslThumbprint`: SHA-1, as vCenter still gives it."""
    digest = hashlib.sha1(ssl.PEM_cert_to_DER_cert(pem), usedforsecurity=False).hexdigest().upper()
    return ":".join(digest[index : index + 2] for index in range(0, len(digest), 2))


def config_info(host: Host, pem: str) -> vim.host.ConfigInfo:
    """`config`, as far as the lab models it."""
    return vim.host.ConfigInfo(
        host=vim.HostSystem(host.moid),
        product=product(host),
        network=network(host),
        service=service_info(host),
        firewall=firewall_info(host),
        adminDisabled=host.lockdown != "lockdownDisabled",
        lockdownMode=host.lockdown.value,
        certificate=certificate_bytes(pem),
    )


def config_manager(host: Host) -> vim.host.ConfigManager:
    """`configManager`: only managers that the lab has."""
    return vim.host.ConfigManager(
        **{name: kind(manager_moid(name, host)) for name, kind in _MANAGERS.items()}
    )


def manager_moid(name: str, host: Host) -> str:
    """`serviceSystem-14` for host-14, as vCenter names them."""
    return f"{name}-{host.number}"


def runtime_info(host: Host, health: VimValue, boot_time: VimValue) -> vim.host.RuntimeInfo:
    """`runtime`."""
    return vim.host.RuntimeInfo(
        connectionState=host.connection.value,
        powerState="poweredOn" if host.connection == "connected" else "unknown",
        standbyMode="none",
        inMaintenanceMode=host.maintenance,
        inQuarantineMode=False,
        bootTime=boot_time,
        healthSystemRuntime=health,
        cryptoState="incapable",
    )
