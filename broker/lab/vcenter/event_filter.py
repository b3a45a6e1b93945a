"""Whether an event fits an EventFilterSpec, and which entities it names."""

from pyVmomi import vim
from pyVmomi.VmomiSupport import GetWsdlName

from broker.lab.world.inventory import Inventory
from broker.lab.world.values import VimValue, moid_of

_ARGUMENTS = (("host", "host"), ("computeResource", "computeResource"), ("datacenter", "datacenter"))


def entities_of(event: VimValue) -> list[str]:
    """The moids of the entities in the event, the nearest first."""
    found = [
        moid_of(getattr(getattr(event, name), field))
        for name, field in _ARGUMENTS
        if getattr(event, name) is not None
    ]
    concerned = getattr(event, "entity", None)
    if isinstance(concerned, vim.event.ManagedEntityEventArgument):
        found.insert(0, moid_of(concerned.entity))
    return found


def fits(event: VimValue, wanted: VimValue, inventory: Inventory) -> bool:
    """Whether all parts of the filter that are set hold."""
    return (
        _type_fits(event, wanted)
        and _time_fits(event, wanted.time)
        and _user_fits(event, wanted.userName)
        and _entity_fits(event, wanted.entity, inventory)
        and (wanted.eventChainId is None or event.chainId == wanted.eventChainId)
    )


def _type_fits(event: VimValue, wanted: VimValue) -> bool:
    names = {*wanted.eventTypeId, *(GetWsdlName(each) for each in getattr(wanted, "type", []) or [])}
    if not names:
        return True
    own = {GetWsdlName(each) for each in type(event).__mro__ if issubclass(each, vim.event.Event)}
    own |= {f"vim.event.{name}" for name in own} | {getattr(event, "eventTypeId", None)}
    return bool(names & own)


def _time_fits(event: VimValue, time: VimValue) -> bool:
    if time is None:
        return True
    after = time.beginTime is None or event.createdTime >= time.beginTime
    return after and (time.endTime is None or event.createdTime <= time.endTime)


def _user_fits(event: VimValue, users: VimValue) -> bool:
    if users is None:
        return True
    if not event.userName:
        return bool(users.systemUser)
    return not users.userList or event.userName in users.userList


def _entity_fits(event: VimValue, entity: VimValue, inventory: Inventory) -> bool:
    if entity is None:
        return True
    wanted, named = moid_of(entity.entity), entities_of(event)
    if not named:
        return bool(wanted == inventory.root() and entity.recursion != "children")
    if entity.recursion == "self":
        return wanted == named[0]
    above = [each.moid for each in inventory.path(named[0])]
    return wanted in (above[:-1] if entity.recursion == "children" else above)
