"""Reading properties through RetrievePropertiesEx: several at once, what is unset left out."""

from collections.abc import Mapping, Sequence

from pyVmomi import vmodl

from broker.vsphere.faults import answered
from broker.vsphere.remote import Remote, identity_of

_Collector = vmodl.query.PropertyCollector


def properties_of(content: Remote, subject: Remote, paths: Sequence[str]) -> Mapping[str, Remote]:
    """The properties that vCenter shows of one object; unset and unreadable ones are left out."""
    return properties_of_each(content, [subject], paths).get(identity_of(subject), {})


def properties_of_each(
    content: Remote, subjects: Sequence[Remote], paths: Sequence[str]
) -> Mapping[str, Mapping[str, Remote]]:
    """The same of several objects of one type, by their ids; what vCenter says nothing of is left out."""
    spec = _Collector.FilterSpec(
        objectSet=[_Collector.ObjectSpec(obj=subject) for subject in subjects],
        propSet=[_Collector.PropertySpec(type=type(subjects[0]), all=False, pathSet=list(paths))],
    )
    options = _Collector.RetrieveOptions()
    answer = answered(lambda: content.propertyCollector.RetrievePropertiesEx([spec], options))
    return {
        identity_of(entry.obj): {p.name: p.val for p in entry.propSet or []}
        for entry in (answer.objects if answer else [])
    }


def property_of(content: Remote, subject: Remote, path: str) -> Remote:
    """One property of one object; None where it is unset or not readable."""
    return properties_of(content, subject, [path]).get(path)
