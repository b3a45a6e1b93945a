"""Which API versions the simulated vCenter speaks."""

from pyVmomi.VmomiSupport import GetServiceVersions, versionIdMap

_OLDEST = "4.0"


def spoken_up_to(newest: str) -> tuple[str, ...]:
    """PyVmomi's names of the public versions from `newest` (`8.0.3.0`) down to 4.0, newest first.

    Raises ValueError for a version that pyVmomi does not know.
    """
    versions = [each for each in GetServiceVersions("vim25") if versionIdMap[each][:1].isdigit()]
    numbers = [versionIdMap[each] for each in versions]
    return tuple(versions[numbers.index(newest) : numbers.index(_OLDEST) + 1])
