"""One SOAP call as a managed object sees it.

The convention of managed objects in the lab:

- a plain class with `vim_type` (a pyVmomi class) and `moid`;
- one method per WSDL method name, `AddAuthorizationRole(self, call, *, name, privIds)`: arguments come as
  keywords with their WSDL names, `None` (an empty array for array types) where the caller left one out;
- one `read_<property>(self, call)` per readable property, WSDL spelling (`read_roleList`);
- both return pyVmomi values and raise pyVmomi faults (`vim.fault.NotFound()`). Any other exception is
  logged and becomes SystemError; a method that is not there is answered with MethodNotFound.

Before a method runs, the dispatcher has checked the login and the privilege that pyVmomi's table names.
"""

from dataclasses import dataclass
from typing import Protocol

from broker.lab.world.values import VimValue


@dataclass(frozen=True, slots=True)
class Session:
    r"""Who is logged in: `user` as currentSession shows it, `VSPHERE.LOCAL\name`; `key` as in UserSession."""

    key: str
    user: str
    groups: frozenset[str]


@dataclass(frozen=True, slots=True)
class Call:
    """Who calls, from where, under which operation id and in which API version (pyVmomi's name of it)."""

    session: Session | None
    operation_id: str | None
    remote: str
    user_agent: str = ""
    cookie: str = ""
    version: str = "vim.version.v8_0_2_0"

    @property
    def user(self) -> str:
        """The caller's name, empty when nobody is logged in."""
        return self.session.user if self.session else ""


class ManagedObject(Protocol):
    """What a registry holds; methods and properties follow the convention above."""

    @property
    def vim_type(self) -> VimValue:
        """The pyVmomi class whose method table applies."""
        ...

    @property
    def moid(self) -> str:
        """The object's id on the wire."""
        ...
