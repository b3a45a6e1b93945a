"""Hardware, health and capabilities of an ESXi host."""

from datetime import datetime

from pyVmomi import vim

from broker.lab.world.host import Host

VENDOR = "Lab Systems Inc."
MODEL = "LS-2000"
_CORES = 16
_MEMORY = 256 * 2**30

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
        cpuInfo=vim.host.CpuInfo(
            numCpuPackages=2, numCpuCores=_CORES, numCpuThreads=2 * _CORES, hz=2_000_000_000
        ),
        cpuPkg=[],
        memorySize=_MEMORY,
        pciDevice=[],
        biosInfo=vim.host.BIOSInfo(
            biosVersion="2.19.1",
            releaseDate=now.replace(year=2023, month=6, day=15),
            vendor=VENDOR,
            firmwareType="UEFI",
        ),
    )


def hardware_summary(host: Host) -> vim.host.Summary.HardwareSummary:
    """`summary.hardware`."""
    return vim.host.Summary.HardwareSummary(
        vendor=VENDOR,
        model=MODEL,
        uuid=host.uuid,
        memorySize=_MEMORY,
        cpuModel="Intel(R) Xeon(R) Gold 6330 CPU @ 2.00GHz",
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
    """`capability`: what ESXi 8.0.3 says of itself, and no TPM."""
    said_yes = (
        "recursiveResourcePoolsSupported",
        "cpuMemoryResourceConfigurationSupported",
        "rebootSupported",
        "shutdownSupported",
        "vmotionSupported",
        "standbySupported",
        "sanSupported",
        "nfsSupported",
        "iscsiSupported",
        "vlanTaggingSupported",
        "nicTeamingSupported",
        "highGuestMemSupported",
        "maintenanceModeSupported",
        "suspendedRelocateSupported",
        "restrictedSnapshotRelocateSupported",
        "perVmSwapFiles",
        "localSwapDatastoreSupported",
        "unsharedSwapVMotionSupported",
        "preAssignedPCIUnitNumbersSupported",
        "firewallIpRulesSupported",
        "hostAccessManagerSupported",
        "uefiSecureBoot",
    )
    said_no = (
        "ipmiSupported",
        "datastorePrincipalSupported",
        "backgroundSnapshotsSupported",
        "screenshotSupported",
        "scaledScreenshotSupported",
        "tpmSupported",
    )
    return vim.host.Capability(**dict.fromkeys(said_yes, True), **dict.fromkeys(said_no, False))
