"""CIM-XML messages (DMTF DSP0200, DSP0201): one request read, one answer written.

pywbem keeps the request half of its parser though it is only a client; both halves are private names
of pywbem, which is why the extra pins its version.
"""

import re
from dataclasses import dataclass
from typing import Any
from xml.parsers import expat

import pywbem
from pywbem import _cim_xml, _tupleparse, _tupletree

_READ_AS = "CIM-XML request"
_EMPTY_PROPERTY = re.compile(r"<(PROPERTY(?:\.ARRAY|\.REFERENCE)?)( [^<>]*)/>")


class UnreadableRequest(Exception):
    """The body is no CIM-XML request. `code` is the value of DSP0200's CIMError header."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


@dataclass(frozen=True, slots=True)
class Request:
    """One intrinsic method call; `namespace` is empty and `intrinsic` false for an extrinsic one."""

    message_id: str
    protocol: str
    method: str
    namespace: str
    parameters: dict[str, Any]
    intrinsic: bool


def parse(body: bytes) -> Request:
    """Read a request. Raises UnreadableRequest."""
    tree = _tree(body)
    if _asks_several(tree):
        raise UnreadableRequest("multiple-requests-unsupported")
    try:
        message = _tupleparse.TupleParser().parse_cim(tree)[2]
        attributes, simple = message[1], message[2]
        if simple[0] != "SIMPLEREQ":
            raise UnreadableRequest("request-not-valid")
        call = simple[2]
    except (pywbem.VersionError, pywbem.CIMXMLParseError) as error:
        raise UnreadableRequest(_code(error)) from None
    return _request(attributes, call)


def answer(request: Request, objects: list[Any]) -> bytes:
    """The return value as a message."""
    elements = [_element(request.method, each) for each in objects]
    return _message(request, _cim_xml.IMETHODRESPONSE(request.method, _cim_xml.IRETURNVALUE(elements)))


def error(request: Request, failure: pywbem.CIMError) -> bytes:
    """A CIM error as a message."""
    element = _cim_xml.ERROR(str(failure.status_code), failure.status_description)
    kind = _cim_xml.IMETHODRESPONSE if request.intrinsic else _cim_xml.METHODRESPONSE
    return _message(request, kind(request.method, element))


def _tree(body: bytes) -> tuple[Any, ...]:
    guard = expat.ParserCreate()
    guard.EntityDeclHandler = _refuse_entity
    try:
        guard.Parse(body, True)  # noqa: FBT003 - expat takes it by place
        tree: tuple[Any, ...] = _tupletree.xml_to_tupletree_sax(body, _READ_AS)
    except (pywbem.XMLParseError, expat.ExpatError, LookupError, ValueError):
        # The last two are expat's, for an encoding that is unknown or takes several bytes a letter.
        raise UnreadableRequest("request-not-well-formed") from None
    return tree


def _refuse_entity(*_: object) -> None:
    """Entities of entities fill the memory, and pywbem's parser would expand them."""
    raise UnreadableRequest("request-not-valid")


def _request(attributes: dict[str, str], call: tuple[Any, ...]) -> Request:
    intrinsic = call[0] == "IMETHODCALL"
    return Request(
        message_id=attributes["ID"],
        protocol=attributes["PROTOCOLVERSION"],
        method=call[1]["NAME"],
        namespace=str(call[2]) if intrinsic else "",
        parameters=dict(call[3]) if intrinsic else {},
        intrinsic=intrinsic,
    )


def _asks_several(tree: tuple[Any, ...]) -> bool:
    """Whether it is a MULTIREQ, of which pywbem says no more than that it cannot read it."""
    children = [each for each in tree[2] if isinstance(each, tuple)]
    return any(each[0] == "MULTIREQ" or (each[0] == "MESSAGE" and _asks_several(each)) for each in children)


def _code(error: Exception) -> str:
    match error:
        case pywbem.CIMVersionError():
            return "unsupported-cim-version"
        case pywbem.DTDVersionError():
            return "unsupported-dtd-version"
        case pywbem.ProtocolVersionError():
            return "unsupported-protocol-version"
        case _:
            return "request-not-valid"


def _element(method: str, found: Any) -> Any:  # noqa: ANN401 - pywbem is untyped
    """The element that DSP0200 wants in this method's return value."""
    if method == "GetInstance":
        return found.tocimxml(ignore_path=True)
    bare = found.copy()
    target = bare.path if method == "EnumerateInstances" else bare
    if method in ("EnumerateInstances", "EnumerateInstanceNames", "EnumerateClassNames"):
        target.namespace = target.host = None
    return bare.tocimxml()


def _message(request: Request, response: Any) -> bytes:  # noqa: ANN401 - pywbem is untyped
    simple = _cim_xml.SIMPLERSP(response)
    message = _cim_xml.MESSAGE(simple, request.message_id, request.protocol)
    text: str = _cim_xml.CIM(message, "2.0", "2.0").toxml()
    # wbemcli reads no empty-element tag of a property in a class.
    text = _EMPTY_PROPERTY.sub(r"<\1\2></\1>", text)
    return b'<?xml version="1.0" encoding="utf-8"?>\n' + text.encode()
