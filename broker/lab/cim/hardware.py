"""What one simulated host reports of its hardware, as ESXi's providers put it.

Values differ from host to host but not from call to call: they come from a digest of its name.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

NAMESPACES = ("root/cimv2", "root/interop")

_HEALTHY = {"HealthState": 5, "OperationalStatus": [2], "EnabledState": 2, "RequestedState": 12}
_HEALTHY_PART = {"HealthState": 5, "OperationalStatus": [2]}
_CELSIUS, _VOLTS, _WATTS, _RPM = 2, 5, 7, 19
_TEMPERATURE, _VOLTAGE, _TACHOMETER, _OTHER = 2, 3, 5, 1
_DIMMS = 8
_DIMM_BYTES = 32 * 2**30

Properties = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Machine:
    """Which host it is."""

    name: str
    uuid: str
    version: str
    vendor: str = "Lab Systems"
    model: str = "LS-R640"


@dataclass(frozen=True, slots=True)
class _Numeric:
    """A numeric sensor: its reading lies between `low` and `high`, in hundredths of its unit."""

    name: str
    kind: int
    unit: int
    low: int
    high: int


_SENSORS = (
    _Numeric("System Board 1 Ambient Temp", _TEMPERATURE, _CELSIUS, 1900, 2700),
    _Numeric("Processor 1 Temp", _TEMPERATURE, _CELSIUS, 3800, 6500),
    _Numeric("Processor 2 Temp", _TEMPERATURE, _CELSIUS, 3800, 6500),
    _Numeric("Fan Device 1 Fan1A RPM", _TACHOMETER, _RPM, 540000, 780000),
    _Numeric("Fan Device 2 Fan2A RPM", _TACHOMETER, _RPM, 540000, 780000),
    _Numeric("Power Supply 1 Voltage 1", _VOLTAGE, _VOLTS, 22800, 23400),
    _Numeric("Power Supply 2 Voltage 2", _VOLTAGE, _VOLTS, 22800, 23400),
    _Numeric("System Board 1 Pwr Consumption", _OTHER, _WATTS, 14000, 38000),
)


def hardware(machine: Machine) -> Iterator[tuple[str, Properties]]:
    """Every instance of the host as (class name, properties)."""
    yield from _system(machine)
    yield from _frame(machine)
    yield from _processors(machine)
    yield from _memory(machine)
    yield from _firmware(machine)
    yield from _numeric_sensors(machine)
    yield from _discrete_sensors(machine)
    yield from _supplies_and_fans(machine)


def namespaces(machine: Machine) -> Iterator[tuple[str, Properties]]:
    """What root/interop says of the namespaces, for clients that look them up."""
    for name in NAMESPACES:
        yield (
            "CIM_Namespace",
            {
                "SystemCreationClassName": "OMC_UnitaryComputerSystem",
                "SystemName": machine.uuid,
                "ObjectManagerCreationClassName": "CIM_ObjectManager",
                "ObjectManagerName": "sfcb",
                "CreationClassName": "CIM_Namespace",
                "Name": name,
            },
        )


def _system(machine: Machine) -> Iterator[tuple[str, Properties]]:
    yield (
        "OMC_UnitaryComputerSystem",
        _HEALTHY
        | {
            "CreationClassName": "OMC_UnitaryComputerSystem",
            "Name": machine.uuid,
            "ElementName": machine.name,
            "Dedicated": [0],
            "OtherIdentifyingInfo": [machine.uuid],
            "IdentifyingDescriptions": ["UUID"],
        },
    )


def _frame(machine: Machine) -> Iterator[tuple[str, Properties]]:
    serial = f"LS{_number(machine, 'serial', 100000, 999999)}"
    common = _HEALTHY_PART | {"Manufacturer": machine.vendor, "Model": machine.model}
    chassis = {"Tag": "23.0", "ElementName": "Chassis", "SerialNumber": serial, "UUID": machine.uuid}
    yield _part("OMC_Chassis", common | chassis | {"ChassisPackageType": 23})
    card = {"Tag": "2.0", "ElementName": "System Board", "SerialNumber": f"{serial}-B", "HostingBoard": True}
    yield _part("OMC_Card", common | card)


def _processors(machine: Machine) -> Iterator[tuple[str, Properties]]:
    for socket in (1, 2):
        facts = {
            "Family": 179,
            "ModelName": "Lab(R) Processor 6248 @ 2.50GHz",
            "MaxClockSpeed": 2500,
            "CurrentClockSpeed": 2500,
            "CPUStatus": 1,
            "NumberOfEnabledCores": 20,
        }
        yield _device(machine, "OMC_Processor", f"{socket}.0", f"CPU {socket}", facts)


def _memory(machine: Machine) -> Iterator[tuple[str, Properties]]:
    for slot in range(1, _DIMMS + 1):
        facts = {
            "Tag": f"32.{slot}",
            "ElementName": f"DIMM {slot}",
            "Manufacturer": machine.vendor,
            "SerialNumber": f"{_number(machine, f'dimm{slot}', 0x10000000, 0x7FFFFFFF):08X}",
            "PartNumber": "LS-DDR4-32G",
            "Capacity": _DIMM_BYTES,
            "MemoryType": 26,
            "ConfiguredMemoryClockSpeed": 2933,
            "BankLabel": f"Bank {slot}",
        }
        yield _part("OMC_PhysicalMemory", _HEALTHY_PART | facts)
    size = {"BlockSize": 1, "NumberOfBlocks": _DIMMS * _DIMM_BYTES, "Volatile": True}
    yield _device(machine, "OMC_Memory", "8.0", "Memory", size)


def _firmware(machine: Machine) -> Iterator[tuple[str, Properties]]:
    for number, (name, version) in enumerate(
        (
            ("System BIOS", "2.14.2"),
            ("BMC Firmware (node 0) 46:10000", "4.40"),
            ("VMware ESXi", machine.version),
        )
    ):
        major, minor, revision = [*version.split("."), "0", "0"][:3]
        yield (
            "OMC_SMASHFirmwareIdentity",
            _HEALTHY_PART
            | {
                "InstanceID": f"46.{number}",
                "Name": name,
                "ElementName": name,
                "Manufacturer": machine.vendor,
                "VersionString": version,
                "MajorVersion": int(major),
                "MinorVersion": int(minor),
                "RevisionNumber": int(revision),
                "Classifications": [10],
                "ReleaseDate": "20250107000000.000000+000",
            },
        )


def _numeric_sensors(machine: Machine) -> Iterator[tuple[str, Properties]]:
    for number, sensor in enumerate(_SENSORS, start=1):
        facts = {
            "SensorType": sensor.kind,
            "BaseUnits": sensor.unit,
            "UnitModifier": -2,
            "RateUnits": 0,
            "CurrentReading": _number(machine, sensor.name, sensor.low, sensor.high),
            "UpperThresholdNonCritical": sensor.high + 1000,
            "UpperThresholdCritical": sensor.high + 2000,
            "PossibleStates": ["Normal", "Upper Non-Critical", "Upper Critical"],
            "CurrentState": "Normal",
        }
        yield _device(machine, "OMC_NumericSensor", f"{number}.0.32.99", sensor.name, facts)


def _discrete_sensors(machine: Machine) -> Iterator[tuple[str, Properties]]:
    for number, name in enumerate(("Disk Drive Bay 1 Cable SAS A", "System Chassis 1 Intrusion"), start=1):
        facts = {
            "SensorType": _OTHER,
            "OtherSensorTypeDescription": "State",
            "PossibleStates": ["Deasserted", "Asserted"],
            "CurrentState": "Deasserted",
        }
        yield _device(machine, "OMC_DiscreteSensor", f"{100 + number}.0.32.99", f"{name}: Connected", facts)


def _supplies_and_fans(machine: Machine) -> Iterator[tuple[str, Properties]]:
    for number in (1, 2):
        power = {"TotalOutputPower": 750000}
        yield _device(machine, "OMC_PowerSupply", f"10.{number}", f"Power Supply {number}", power)
        yield _device(machine, "OMC_Fan", f"29.{number}", f"Fan Device {number}", {"ActiveCooling": True})


def _device(
    machine: Machine, class_name: str, device_id: str, name: str, facts: Properties
) -> tuple[str, Properties]:
    keys = {
        "SystemCreationClassName": "OMC_UnitaryComputerSystem",
        "SystemName": machine.uuid,
        "CreationClassName": class_name,
        "DeviceID": device_id,
    }
    return class_name, _HEALTHY | keys | {"ElementName": name, "Caption": name, "Name": name} | facts


def _part(class_name: str, facts: Properties) -> tuple[str, Properties]:
    return class_name, {"CreationClassName": class_name, "Name": facts["ElementName"]} | facts


def _number(machine: Machine, what: str, low: int, high: int) -> int:
    digest = hashlib.sha256(f"{machine.name}/{what}".encode()).digest()
    return low + int.from_bytes(digest[:8], "big") % (high - low + 1)
