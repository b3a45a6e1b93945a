"""Inventory paths in words: their one canonical form."""

import re

from broker.errors import InvalidName

_SEGMENT = re.compile(r"(?:[^/\\%\n\t]|%(?:2[fF]|5[cC]|25)){1,240}")
_ESCAPE = re.compile(r"%[0-9A-Fa-f]{2}")
_MAX_LENGTH = 2048
_GRAMMAR = (
    "an absolute path such as /Datacenter/host/Cluster without a slash at the end; "
    r"in a name, / is %2f, \ is %5c and % is %25, as vCenter shows them"
)


def canonical_path(text: str) -> str:
    """Give the path back with its escapes in lower case, as vCenter gives entity names.

    ManagedEntity.name: a slash is escaped as %2F or %2f, a backslash as %5C or %5c, a percent
    sign as %25. The root folder is no path here, since an account holds nothing on it (proof of
    privileges), nor are `.` and `..`. Raises InvalidName, which never repeats the text.
    """
    first, *segments = text.split("/")
    if first or not segments or len(text) > _MAX_LENGTH or not all(map(_is_name, segments)):
        raise InvalidName("inventory path", _GRAMMAR)
    return _ESCAPE.sub(lambda escape: escape[0].lower(), text)


def _is_name(segment: str) -> bool:
    return (
        _SEGMENT.fullmatch(segment) is not None and segment not in {".", ".."} and segment == segment.strip()
    )
