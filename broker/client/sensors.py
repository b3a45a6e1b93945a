"""What a host's sensors say, out of CIM_Sensor and its subclasses."""

from dataclasses import dataclass
from typing import Any, Protocol


class Instances(Protocol):
    """The one call of a CIM client that is needed here (pywbem.WBEMConnection has it)."""

    def EnumerateInstances(self, ClassName: str, *, DeepInheritance: bool) -> list[Any]:  # noqa: N802, N803 - DSP0200's names
        """All instances of the class and its subclasses."""
        ...


@dataclass(frozen=True, slots=True)
class Sensor:
    """One sensor. `reading` is in `unit`, None for a discrete one, whose `state` says it all."""

    name: str
    type: str
    reading: float | None
    unit: str
    state: str
    health: str


# CIM_Sensor.SensorType, CIM_NumericSensor.BaseUnits and CIM_ManagedSystemElement.HealthState,
# from the CIM schema's value maps
_TYPES = {
    1: "other",
    2: "temperature",
    3: "voltage",
    4: "current",
    5: "tachometer",
    6: "counter",
    7: "switch",
    8: "lock",
    9: "humidity",
    10: "smoke",
    11: "presence",
    12: "air flow",
    13: "power consumption",
    14: "power production",
    15: "pressure",
    16: "intrusion",
}
_UNITS = {
    2: "degrees C",
    3: "degrees F",
    4: "kelvin",
    5: "V",
    6: "A",
    7: "W",
    8: "J",
    19: "RPM",
    20: "Hz",
    21: "s",
    65: "percent",
}
_HEALTH = {
    5: "ok",
    10: "degraded",
    15: "minor failure",
    20: "major failure",
    25: "critical failure",
    30: "non-recoverable error",
}
_UNKNOWN = "unknown"


def sensors(connection: Instances) -> tuple[Sensor, ...]:
    """Every sensor of the host, in the order of their names. What is unset is unknown, never ok."""
    instances = connection.EnumerateInstances("CIM_Sensor", DeepInheritance=True)
    return tuple(sorted((_sensor(instance) for instance in instances), key=lambda sensor: sensor.name))


def _sensor(instance: Any) -> Sensor:  # noqa: ANN401 - pywbem is untyped
    return Sensor(
        name=str(instance.get("ElementName") or instance.get("DeviceID") or _UNKNOWN),
        type=_TYPES.get(instance.get("SensorType"), _UNKNOWN),
        reading=_reading(instance),
        unit=_UNITS.get(instance.get("BaseUnits"), ""),
        state=str(instance.get("CurrentState") or _UNKNOWN),
        health=_HEALTH.get(instance.get("HealthState"), _UNKNOWN),
    )


def _reading(instance: Any) -> float | None:  # noqa: ANN401 - pywbem is untyped
    """CurrentReading times ten to the power of UnitModifier."""
    reading = instance.get("CurrentReading")
    if reading is None:
        return None
    modifier = int(instance.get("UnitModifier") or 0)
    return float(int(reading) * 10**modifier if modifier >= 0 else int(reading) / 10**-modifier)
