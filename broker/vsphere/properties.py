"""Reading properties through RetrievePropertiesEx: several at once, what is unset left out."""

from collections.abc import Mapping, Sequence

from pyVmomi import vmodl

from broker.vsphere.faults import answered
from broker.vsphere.remote import Remote

_Collector = vmodl.query.PropertyCollector


def properties_of(content: Remote, subject: Remote, paths: Sequence[str]) -> Mapping[str, Remote]:
    """The properties that vCenter shows of one object; unset and unreadable ones are left out."""
    spec = _Collector.FilterSpec(
        objectSet=[_Collector.ObjectSpec(obj=subject)],
        propSet=[_Collector.PropertySpec(type=type(subject), all=False, pathSet=list(paths))],
    )
    options = _Collector.RetrieveOptions()
    answer = answered(lambda: content.propertyCollector.RetrievePropertiesEx([spec], options))
    found: dict[str, Remote] = {}
    for entry in answer.objects if answer else []:
        found.update({p.name: p.val for p in entry.propSet or []})
    return found


def property_of(content: Remote, subject: Remote, path: str) -> Remote:
    """One property of one object; None where it is unset or not readable."""
    return properties_of(content, subject, [path]).get(path)
