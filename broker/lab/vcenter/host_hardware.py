"""Hardware, health and capabilities of an ESXi host."""

from datetime import datetime

from pyVmomi import vim
from pyVmomi.VmomiSupport import F_OPTIONAL

from broker.lab.world.host import Host
from broker.lab.world.values import VimValue

VENDOR = "Lab Systems Inc."
MODEL = "LS-2000"
_CORES = 16
_HZ = 2_000_000_000
_CPU = "Intel(R) Xeon(R) Gold 6330 CPU @ 2.00GHz"
_MEMORY = 256 * 2**30

_DENIED = frozenset(
    {
        "datastorePrincipalSupported",
        "backgroundSnapshotsSupported",
        "recordReplaySupported",
        "ftSupported",
        "smpFtSupported",
        "perVMNetworkTrafficShapingSupported",
        "tpmSupported",
        "vPMCSupported",
        "interVMCommunicationThroughVMCISupported",
        "accel3dSupported",
    }
)

_SENSORS = (
    ("Processor 1 Temp", "temperature", 4100, -2, "Degrees C", "3.1"),
    ("System Inlet Temp", "temperature", 2300, -2, "Degrees C", "64.1"),
    ("Fan Device 1 Fan1", "fan", 486000, -2, "RPM", "29.1"),
    ("Fan Device 2 Fan2", "fan", 492000, -2, "RPM", "29.2"),
    ("Power Supply 1 Voltage", "voltage", 23000, -2, "Volts", "10.1"),
    ("Power Supply 1 Input", "power", 21000, -2, "Watts", "10.2"),
)
"""Name, type, reading, its power of ten, unit, IPMI entity; a plain healthy server."""


def system_info(host: Host) -> vim.host.SystemInfo:
    """`hardware.systemInfo`."""
    serial = f"LS{host.uuid.replace('-', '')[:10].upper()}"
    return vim.host.SystemInfo(
        vendor=VENDOR,
        model=MODEL,
        uuid=host.uuid,
        serialNumber=serial,
        otherIdentifyingInfo=[
            vim.host.SystemIdentificationInfo(
                identifierValue=serial,
                identifierType=vim.ElementDescription(
                    label="Service tag", summary="Service tag of the system", key="ServiceTag"
                ),
            )
        ],
    )


def hardware_info(host: Host, now: datetime) -> vim.host.HardwareInfo:
    """`hardware`."""
    return vim.host.HardwareInfo(
        systemInfo=system_info(host),
        cpuInfo=vim.host.CpuInfo(numCpuPackages=2, numCpuCores=_CORES, numCpuThreads=2 * _CORES, hz=_HZ),
        cpuPkg=[_package(index) for index in (0, 1)],
        smcPresent=False,
        memorySize=_MEMORY,
        pciDevice=[],
        biosInfo=vim.host.BIOSInfo(
            biosVersion="2.19.1",
            releaseDate=now.replace(year=2023, month=6, day=15),
            vendor=VENDOR,
            firmwareType="UEFI",
        ),
    )


def _package(index: int) -> vim.host.CpuPackage:
    return vim.host.CpuPackage(
        index=index,
        vendor="intel",
        hz=_HZ,
        busHz=100_000_000,
        description=_CPU,
        threadId=list(range(index * _CORES, (index + 1) * _CORES)),
    )


def hardware_summary(host: Host) -> vim.host.Summary.HardwareSummary:
    """`summary.hardware`."""
    return vim.host.Summary.HardwareSummary(
        vendor=VENDOR,
        model=MODEL,
        uuid=host.uuid,
        memorySize=_MEMORY,
        cpuModel=_CPU,
        cpuMhz=2000,
        numCpuPkgs=2,
        numCpuCores=_CORES,
        numCpuThreads=2 * _CORES,
        numNics=4,
        numHBAs=2,
    )


def health(now: datetime) -> vim.host.HealthStatusSystem.Runtime:
    """`runtime.healthSystemRuntime`: every sensor green."""
    green = vim.ElementDescription(
        label="Green", summary="Sensor is operating under normal conditions", key="green"
    )
    stamp = now.strftime("%Y-%m-%dT%H:%M:%SZ")
    sensors = [
        vim.host.NumericSensorInfo(
            name=name,
            healthState=green,
            currentReading=reading,
            unitModifier=modifier,
            baseUnits=unit,
            sensorType=kind,
            id=f"{entity}.{number}",
            sensorNumber=number,
            timeStamp=stamp,
        )
        for number, (name, kind, reading, modifier, unit, entity) in enumerate(_SENSORS, start=1)
    ]
    return vim.host.HealthStatusSystem.Runtime(
        systemHealthInfo=vim.host.SystemHealthInfo(numericSensorInfo=sensors),
        hardwareStatusInfo=vim.host.HardwareStatusInfo(
            memoryStatusInfo=[vim.host.HardwareStatusInfo.HardwareElementInfo(name="Memory", status=green)],
            cpuStatusInfo=[
                vim.host.HardwareStatusInfo.HardwareElementInfo(name=f"CPU {number}", status=green)
                for number in (1, 2)
            ],
        ),
    )


def capability() -> vim.host.Capability:
    """`capability`: every bit that a host must state; what ESXi 8.0.3 on plain hardware denies is denied."""
    stated = [info.name for info in vim.host.Capability._GetPropertyList() if _is_stated(info)]  # noqa: SLF001 - pyVmomi's door
    return vim.host.Capability(
        **{name: name not in _DENIED for name in stated},
        firewallIpRulesSupported=True,
        hostAccessManagerSupported=True,
        ipmiSupported=True,
        uefiSecureBoot=True,
    )


def _is_stated(info: VimValue) -> bool:
    return not info.flags & F_OPTIONAL
