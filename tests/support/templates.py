"""Templates that let everything be done, to narrow in one place at a time."""

from collections.abc import Iterable
from datetime import date

from broker.model.names import TemplateId
from broker.model.policy import Template, TemplateKind, TicketKind
from broker.model.tree import Kind

OBLIGATORY = """\
owner: virtualisation team
review_by: "2099-01-01"
entity_types: [Folder, Datacenter, ClusterComputeResource, ComputeResource, HostSystem]
ticket_kinds: [cim]
"""
"""The keys of a template's file that decide nothing in most tests."""


def template(name: str, privileges: Iterable[str], revision: str = "template-1") -> Template:
    """A template that may be granted anywhere, and under which CIM tickets may be taken."""
    held = frozenset(privileges)
    return Template(
        id=TemplateId(name),
        description="",
        privileges=held,
        role_name=f"cim-broker-{name}",
        revision=revision,
        kind=TemplateKind.APP,
        enabled=True,
        reasons=dict.fromkeys(held, "the test"),
        sources={},
        entity_types=frozenset(Kind),
        ticket_kinds=frozenset(TicketKind),
        max_days=None,
        max_rate_per_host=None,
        owner="virtualisation team",
        review_by=date(2099, 1, 1),
        overrides=(),
    )
