"""The CIM repository of one host: pywbem's own in-memory server, filled with what the host reports."""

from collections.abc import Iterable
from functools import cache
from importlib import resources
from typing import Any

import pywbem
from pywbem_mock import FakedWBEMConnection

from broker.lab.cim.hardware import NAMESPACES, Machine, Properties, hardware, namespaces

_SHAPE = frozenset({"IncludeQualifiers", "IncludeClassOrigin", "LocalOnly"})

READ_METHODS = {
    "EnumerateClasses": _SHAPE | {"ClassName", "DeepInheritance"},
    "EnumerateClassNames": frozenset({"ClassName", "DeepInheritance"}),
    "EnumerateInstances": _SHAPE | {"ClassName", "DeepInheritance", "PropertyList"},
    "EnumerateInstanceNames": frozenset({"ClassName"}),
    "GetClass": _SHAPE | {"ClassName", "PropertyList"},
    "GetInstance": _SHAPE | {"InstanceName", "PropertyList"},
}
"""Methods with their parameters (DSP0200, 5.3.2); everything else is CIM_ERR_NOT_SUPPORTED."""


class CimRepository:
    """Answers intrinsic methods. Not thread-safe."""

    def __init__(self, machine: Machine) -> None:
        self._server = FakedWBEMConnection(default_namespace=NAMESPACES[0])
        self._server.add_namespace(NAMESPACES[1])
        for namespace in NAMESPACES:
            self._server.add_cimobjects(_schema(), namespace)
            self._fill(namespace, hardware(machine))
        self._fill(NAMESPACES[1], namespaces(machine))

    def call(self, method: str, namespace: str, parameters: dict[str, Any]) -> list[Any]:
        """The objects of the return value. Raises pywbem.CIMError."""
        if method not in READ_METHODS:
            raise pywbem.CIMError(pywbem.CIM_ERR_NOT_SUPPORTED, f"{method} is not supported")
        if not parameters.keys() <= READ_METHODS[method]:
            raise pywbem.CIMError(pywbem.CIM_ERR_INVALID_PARAMETER, "there is no such parameter")
        try:
            # No public method of pywbem's server takes a call by name.
            answer = self._server._mock_imethodcall(method, namespace, **parameters)  # noqa: SLF001
        except (TypeError, KeyError, AttributeError):
            # What its handlers end in when a parameter is missing, unknown or of a wrong type.
            raise pywbem.CIMError(pywbem.CIM_ERR_INVALID_PARAMETER, "the parameters do not fit") from None
        return list(answer[0][2]) if answer else []

    def _fill(self, namespace: str, instances: Iterable[tuple[str, Properties]]) -> None:
        self._server.add_cimobjects(
            [self._instance(namespace, class_name, facts) for class_name, facts in instances], namespace
        )

    def _instance(self, namespace: str, class_name: str, facts: Properties) -> Any:  # noqa: ANN401 - untyped
        known = self._server.GetClass(class_name, namespace=namespace, LocalOnly=False)
        return pywbem.CIMInstance.from_class(
            known, namespace=namespace, property_values=facts, include_missing_properties=False
        )


@cache
def _schema() -> list[Any]:
    """Qualifiers and classes, compiled once from the MOF beside this module."""
    source = resources.files(__package__).joinpath("hardware.mof").read_text(encoding="ascii")
    compiler = FakedWBEMConnection(default_namespace=NAMESPACES[0])
    compiler.compile_mof_string(source, namespace=NAMESPACES[0])
    return [*compiler.EnumerateQualifiers(), *compiler.EnumerateClasses(DeepInheritance=True, LocalOnly=True)]
