"""Bring the catalogue up to the installed pyVmomi: `python -m tests.privileges.refresh_catalogue`.

Where a privilege is needed and since which version of the API comes from pyVmomi's type tables. The
rest of an entry is written by hand, with its source.
"""

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pyVmomi import VmomiSupport

FILE = Path(__file__).parents[2] / "broker/privileges/catalogue.json"
MOST_PLACES = 5


def refreshed(content: Mapping[str, Any]) -> str:
    """The catalogue's file with these two fields of each entry as pyVmomi has them."""
    needing: dict[str, set[tuple[tuple[int, ...], str]]] = defaultdict(set)
    for privilege, version, place in _places():
        needing[privilege].add((_ordered(version), place))
    entries = [_entry(each, sorted(needing[each["id"]])) for each in content["privileges"]]
    sources = json.dumps(content["sources"], indent=1)
    return f'{{\n"sources": {sources},\n"privileges": [\n' + ",\n".join(entries) + "\n]\n}\n"


def _entry(entry: Mapping[str, Any], places: list[tuple[tuple[int, ...], str]]) -> str:
    since = ".".join(map(str, places[0][0])) if places else None
    known = {"needed_by": [place for _, place in places[:MOST_PLACES]], "since_api": since}
    return json.dumps({**entry, **known})


def _places() -> Iterator[tuple[str, str, str]]:
    """Every privilege of the vSphere API that something asks for, since when, and what: `Type.member`."""
    for name in sorted(VmomiSupport._managedDefMap):
        kind = VmomiSupport.GetVmodlType(name)
        wsdl = VmomiSupport.GetWsdlName(kind)
        if not name.startswith("vim.") or wsdl.startswith("Vsan"):
            continue
        for method in kind._methodInfo.values():
            yield from _place(method.privId, method.version, f"{wsdl}.{method.wsdlName}")
        for member in kind._propInfo.values():
            yield from _place(member.privId, member.version, f"{wsdl}.{member.name}")


def _place(privilege: str | None, version: str, place: str) -> Iterator[tuple[str, str, str]]:
    number = VmomiSupport.versionIdMap.get(version)
    if privilege and version.startswith("vim.version.") and number:
        yield privilege, number, place


def _ordered(number: str) -> tuple[int, ...]:
    """A version of the API as numbers: 2.5u2server counts as 2.5."""
    return tuple(int(part) for part in number.partition("u")[0].split("."))


if __name__ == "__main__":
    FILE.write_text(refreshed(json.loads(FILE.read_text())))
