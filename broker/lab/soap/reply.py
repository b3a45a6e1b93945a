"""Return values and faults -> SOAP bodies, byte for byte as vCenter 8 frames them."""

from io import StringIO

from pyVmomi.SoapAdapter import SOAP_NSMAP, SoapSerializer
from pyVmomi.VmomiSupport import (
    GetVmodlType,
    GetWsdlName,
    ManagedObject,
    Object,
)

from broker.lab.soap.request import NAMESPACE
from broker.lab.world.values import VimValue

_HEAD = (
    '<?xml version="1.0" encoding="UTF-8"?>\n'
    '<soapenv:Envelope xmlns:soapenc="http://schemas.xmlsoap.org/soap/encoding/"\n'
    ' xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/"\n'
    ' xmlns:xsd="http://www.w3.org/2001/XMLSchema"\n'
    ' xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">\n'
    "<soapenv:Body>\n"
)
_TAIL = "\n</soapenv:Body>\n</soapenv:Envelope>"
_PREFIXES = {**SOAP_NSMAP, NAMESPACE: ""}


_Base: VimValue = SoapSerializer
_ManagedArray: VimValue = GetVmodlType("vmodl.ManagedObject[]")


class _Serializer(_Base):  # type: ignore[misc] # pyVmomi gives its serializer no types
    """pyVmomi's serializer, saying what vCenter says where a client differs from a server."""

    def __init__(self, writer: StringIO, version: str) -> None:
        super().__init__(writer, version, dict(_PREFIXES))
        self.outermostAttrs = ""

    def _QName(self, typ: VimValue, defNS: str) -> tuple[str, str]:
        attributes, name = super()._QName(typ, defNS)
        return attributes, "ManagedObjectReference" if typ is ManagedObject else name

    def _Serialize(self, val: VimValue, info: VimValue, defNS: str) -> None:
        if isinstance(val, list) and info.type is object:
            self._typed_list(val, info, defNS)
        else:
            super()._Serialize(val, info, defNS)

    def _typed_list(self, val: VimValue, info: VimValue, defNS: str) -> None:
        item = val.Item
        managed = issubclass(item, ManagedObject)
        tag = "ManagedObjectReference" if managed else GetWsdlName(item).removeprefix("xsd:")
        attributes, name = self._QName(_ManagedArray if managed else type(val), defNS)
        if name.endswith("ArrayOfManagedObject"):
            name += "Reference"
        self.writer.write(f'<{info.name}{attributes} {self.xsiPrefix}type="{name}">')
        each = Object(name=tag, type=object, version=info.version, flags=info.flags)
        for value in val:
            self._Serialize(value, each, defNS)
        self.writer.write(f"</{info.name}>")


def _element(name: str, value: VimValue, declared: VimValue, version: str) -> str:
    writer = StringIO()
    info = Object(name=name, type=declared, version=version, flags=0)
    _Serializer(writer, version).Serialize(value, info)
    return writer.getvalue()


def returned(method: str, value: VimValue, declared: VimValue, version: str) -> bytes:
    """The body of a 200: `value` of the declared result type, None for nothing."""
    nothing = value is None or (isinstance(value, list) and not value and declared is not object)
    inner = "" if nothing else _element("returnval", value, declared, version)
    return f'{_HEAD}<{method}Response xmlns="{NAMESPACE}">{inner}</{method}Response>{_TAIL}'.encode()


def fault(error: VimValue, version: str) -> bytes:
    """The body of a 500. The fault's `msg` becomes the faultstring and leaves the detail."""
    message, error.msg = error.msg or "", None
    name = GetWsdlName(type(error)) + "Fault"
    writer = StringIO()
    info = Object(name=name, type=object, version=version, flags=0)
    _Serializer(writer, version).SerializeFaultDetail(error, info)
    detail = writer.getvalue().replace(f"<{name}", f'<{name} xmlns="{NAMESPACE}"', 1)
    text = message.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return (
        f"{_HEAD}<soapenv:Fault><faultcode>ServerFaultCode</faultcode><faultstring>{text}</faultstring>"
        f"<detail>{detail}</detail></soapenv:Fault>{_TAIL}"
    ).encode()
