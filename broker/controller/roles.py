"""One role per template. Only a role that the store knows as ours is ever changed."""

from broker.controller.site import Conflict, Site, Unknown
from broker.model.policy import Template
from broker.model.record import Event, JsonValue
from broker.model.survey import Role
from broker.policy.decide import SYSTEM_PRIVILEGES
from broker.ports.administration import OwnRole


def wanted_privileges(template: Template) -> frozenset[str]:
    """What the role has to hold beside what every role holds."""
    return template.privileges - SYSTEM_PRIVILEGES


def ensure_role(site: Site, template: Template) -> Role:
    """The template's role as it stands afterwards; created or updated where it has to be.

    Raises Conflict for a role of that name that is not ours, Unknown for privileges that this
    vCenter does not know, and what Administration and the store raise.
    """
    _check_known(site, template)
    claim = next((r for r in site.store.own_roles(site.instance_uuid) if r.name == template.role_name), None)
    roles = site.administration.roles()
    role = next((r for r in roles if r.name == template.role_name), None)
    if role is None:
        _check_not_renamed(roles, claim)
        return _create(site, template)
    return _update(site, template, _ours(site, template, role, claim))


def _check_known(site: Site, template: Template) -> None:
    known = site.administration.privilege_ids()
    unknown = wanted_privileges(template) - known
    if known and unknown:
        raise Unknown(f"vCenter knows no privilege {', '.join(sorted(unknown))}")


def _check_not_renamed(roles: tuple[Role, ...], claim: OwnRole | None) -> None:
    renamed = next((r for r in roles if claim and r.id == claim.role_id), None)
    if renamed is not None and claim is not None:
        raise Conflict(f"our role {claim.name} is now called {renamed.name}; name it {claim.name} again")


def _create(site: Site, template: Template) -> Role:
    wanted = wanted_privileges(template)
    claim = OwnRole(site.instance_uuid, template.role_name, template.id, None, wanted)
    site.store.own_role(claim)
    role = site.administration.create_role(template.role_name, wanted)
    _own(site, template, role, Event.ROLE_CREATED)
    return role


def _ours(site: Site, template: Template, role: Role, claim: OwnRole | None) -> Role:
    """The role, if it is ours beyond doubt: by its id, or left by a crash just as it was asked for."""
    if claim is None or role.system:
        raise Conflict(f"a role {role.name} exists that this broker did not make; rename or remove it")
    if claim.role_id is None and role.privileges == claim.privileges:
        _own(site, template, role, Event.ROLE_CREATED)
    elif claim.role_id != role.id:
        raise Conflict(f"the role {role.name} is another than the one this broker made; rename or remove it")
    return role


def _update(site: Site, template: Template, role: Role) -> Role:
    wanted = wanted_privileges(template)
    if role.privileges == wanted:
        return role
    updated = site.administration.update_role(role.id, role.name, wanted)
    _own(site, template, updated, Event.ROLE_UPDATED)
    return updated


def _own(site: Site, template: Template, role: Role, event: Event) -> None:
    fields: dict[str, JsonValue] = {
        "vcenter": site.vcenter,
        "instance_uuid": site.instance_uuid,
        "template": template.id,
        "template_revision": template.revision,
        "role": role.name,
        "role_id": role.id,
    }
    site.journal.changed(event, fields)
    site.store.own_role(OwnRole(site.instance_uuid, role.name, template.id, role.id, role.privileges))
