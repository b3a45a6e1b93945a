"""SOAP request -> which method of which object with which arguments, read with pyVmomi's own types."""

from dataclasses import dataclass
from xml.parsers.expat import ExpatError, ParserCreate

from pyVmomi import vmodl
from pyVmomi.SoapAdapter import (
    NS_SEP,
    XMLNS_SOAPENV,
    SetHandlers,
    SoapDeserializer,
)
from pyVmomi.VmomiSupport import GetVmodlType, GetWsdlMethod, ManagedObject, versionIdMap, versionMap

from broker.lab.world.values import VimValue

NAMESPACE = "urn:vim25"
_HEADER = XMLNS_SOAPENV + NS_SEP + "Header"
_BODY = XMLNS_SOAPENV + NS_SEP + "Body"


@dataclass(frozen=True, slots=True)
class Request:
    """One parsed call: `name` is the WSDL method, `info` pyVmomi's row about it (None: there is none)."""

    name: str
    info: VimValue
    target: VimValue
    arguments: dict[str, VimValue]
    operation_id: str | None


class UnreadableRequest(Exception):
    """The body is no SOAP call that pyVmomi's types can read."""


def method_info(name: str) -> VimValue:
    """PyVmomi's row about a WSDL method of vim25, or None."""
    try:
        return GetWsdlMethod(NAMESPACE, name).info
    except KeyError:
        return None


def version_of(soap_action: str, spoken: tuple[str, ...]) -> str:
    """The name in pyVmomi of the API version in the SOAPAction header.

    A version of vim25 that is not among the spoken ones, or none, means the newest: govmomi sends its own
    newest to every vCenter. Raises vmodl.fault.InvalidRequest for another service's namespace.
    """
    action = soap_action.strip().strip('"')
    prefix, _, number = action.removeprefix("urn:").partition("/")
    if prefix not in {"", "vim25"}:
        raise vmodl.fault.InvalidRequest(msg=f'Unsupported version URI "{action}"\n\nwhile parsing SOAP body')
    version = versionMap.get(f"vim25/{number}")
    return str(version) if version in spoken else spoken[0]


def version_number(version: str) -> str:
    """`8.0.2.0` for pyVmomi's `vim.version.v8_0_2_0`."""
    return str(versionIdMap[version])


def parse(body: bytes) -> Request:
    """Read one SOAP call. Raises UnreadableRequest."""
    try:
        return _Reader().read(body)
    except (ExpatError, KeyError, TypeError, ValueError, AttributeError, IndexError) as error:
        # pyVmomi's deserializer answers foreign XML with any of these
        raise UnreadableRequest(type(error).__name__) from error


class _Reader:
    """Expat handlers: envelope, header and body here; every argument by pyVmomi's SoapDeserializer."""

    def __init__(self) -> None:
        self._parser = ParserCreate(namespace_separator=NS_SEP)
        self._parser.buffer_text = True
        self._parser.StartDoctypeDeclHandler = _refuse_doctype
        self._namespaces: dict[str | None, list[str]] = {}
        self._path: list[str] = []
        self._text = ""
        self._operation_id: str | None = None
        self._name = ""
        self._info: VimValue = None
        self._read: list[tuple[str, bool, VimValue]] = []
        SetHandlers(self._parser, (self._start, self._end, self._data, self._open_ns, self._close_ns))

    def read(self, body: bytes) -> Request:
        self._parser.Parse(body, True)  # noqa: FBT003 - expat takes it by place
        if not self._name:
            raise UnreadableRequest("no call in the body")
        arguments = self._arguments()
        return Request(self._name, self._info, arguments.pop("_this", None), arguments, self._operation_id)

    def _arguments(self) -> dict[str, VimValue]:
        collected: dict[str, VimValue] = {}
        for name, many, deserializer in self._read:
            value = deserializer.GetResult()
            if not many:
                collected[name] = value
            elif isinstance(value, list):
                collected.setdefault(name, []).extend(value)
            else:
                collected.setdefault(name, []).append(value)
        return collected

    def _start(self, tag: str, attributes: dict[str, str]) -> None:
        self._text = ""
        inside_body = self._path[1:2] == [_BODY]
        if inside_body and not self._path[2:]:
            self._name = tag.rpartition(NS_SEP)[2]
            self._info = method_info(self._name)
        elif inside_body:
            self._argument(tag, attributes)
            return
        self._path.append(tag)

    def _argument(self, tag: str, attributes: dict[str, str]) -> None:
        name = tag.rpartition(NS_SEP)[2]
        declared = self._type_of(name)
        many = issubclass(declared, list)
        deserializer = SoapDeserializer(stub=None, version=None)
        deserializer.Deserialize(self._parser, declared.Item if many else declared, nsMap=self._namespaces)
        deserializer.StartElementHandler(tag, attributes)
        self._read.append((name, many, deserializer))

    def _type_of(self, name: str) -> VimValue:
        if name == "_this":
            return ManagedObject
        if self._name == "Fetch" and name == "prop":
            return str
        if self._info is None:
            return object
        for param in self._info.params:
            if param.name == name:
                return GetVmodlType(param.type) if isinstance(param.type, str) else param.type
        raise UnreadableRequest(name)

    def _end(self, tag: str) -> None:
        if tag.rpartition(NS_SEP)[2] == "operationID" and self._path[1:2] == [_HEADER]:
            self._operation_id = self._text
        self._path.pop()

    def _data(self, data: str) -> None:
        self._text += data

    def _open_ns(self, prefix: str | None, uri: str) -> None:
        self._namespaces.setdefault(prefix, []).append(uri)

    def _close_ns(self, prefix: str | None) -> None:
        self._namespaces[prefix].pop()


def _refuse_doctype(*_: object) -> None:
    raise UnreadableRequest("a document type")
