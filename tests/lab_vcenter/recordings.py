"""Exchanges recorded from real vCenters, and the shape of an answer."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest
import yaml

DIRECTORY = Path(__file__).resolve().parents[2].parent / "shared" / "recordings"
XSI_TYPE = "{http://www.w3.org/2001/XMLSchema-instance}type"
_BODY = "{http://schemas.xmlsoap.org/soap/envelope/}Body"

needed = pytest.mark.skipif(
    not DIRECTORY.is_dir(), reason="the recordings of real vCenters are not part of the repository"
)


class _Loader(yaml.SafeLoader):
    """vcrpy's cassettes, the old ones with Python 2's text tag."""


def _text(loader: yaml.SafeLoader, node: yaml.ScalarNode) -> Any:
    return loader.construct_scalar(node)


_Loader.add_constructor("tag:yaml.org,2002:python/unicode", _text)


@dataclass(frozen=True, slots=True)
class Exchange:
    """One recorded request and its answer."""

    method: str
    path: str
    action: str
    body: str
    status: int
    headers: dict[str, str]
    answer: str

    @property
    def asked(self) -> str:
        """The property that a Fetch asked for."""
        found = re.search(r"<prop[^>]*>(\w+)</prop>", self.body)
        return found.group(1) if found else ""


def exchanges(cassette: str) -> Iterator[Exchange]:
    """All of a cassette, in order."""
    with (DIRECTORY / f"{cassette}.yaml").open(encoding="utf-8") as file:
        recorded = yaml.load(file, _Loader)  # a SafeLoader with one more scalar
    for each in recorded["interactions"]:
        request, response = each["request"], each["response"]
        yield Exchange(
            method=request["method"],
            path="/" + request["uri"].split("/", 3)[3],
            action=(request["headers"].get("SOAPAction") or [""])[0],
            body=request["body"] or "",
            status=response["status"]["code"],
            headers={name.lower(): values[0] for name, values in response["headers"].items()},
            answer=response["body"]["string"],
        )


@dataclass(frozen=True, slots=True)
class Shape:
    """Element paths below the body, in order of first sight, with the xsi:type that each shows."""

    types: dict[str, frozenset[str]]

    @property
    def paths(self) -> list[str]:
        """The paths alone."""
        return list(self.types)


def shape(answer: str) -> Shape:
    """The shape of a SOAP answer: its text does not matter, its elements do."""
    body = ET.fromstring(answer).find(_BODY)
    found: dict[str, set[str]] = {}
    for element in [] if body is None else body:
        _collect(element, "", found)
    return Shape({path: frozenset(kinds) for path, kinds in found.items()})


def _collect(element: Any, above: str, found: dict[str, set[str]]) -> None:
    path = f"{above}/{element.tag.rpartition('}')[2]}"
    kinds = found.setdefault(path, set())
    if XSI_TYPE in element.attrib:
        kinds.add(element.attrib[XSI_TYPE])
    for child in element:
        _collect(child, path, found)


def framing(answer: str) -> tuple[str, str]:
    """What stands around the body, to the byte."""
    return answer.partition("<soapenv:Body>")[0], answer.rpartition("</soapenv:Body>")[2]
