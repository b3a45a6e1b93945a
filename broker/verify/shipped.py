"""What goes with an export, so that it can be checked where the broker is not."""

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

PROGRAMS: Mapping[str, bytes] = MappingProxyType(
    {"verify.py": Path(__file__).with_name("standalone.py").read_bytes()}
)
