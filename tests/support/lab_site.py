"""A lab, an administrator who grants on it, and the broker's vSphere room as one account there."""

from dataclasses import replace
from pathlib import Path
from typing import Any

from pyVmomi import vim

from broker.clock import SystemClock
from broker.lab.process import Lab
from broker.model.inventory import Host
from broker.model.issuance import VcenterTicket
from broker.model.names import AccountId, parse_host_name
from broker.model.policy import Account, Policy, Vcenter
from broker.model.secret import Secret, SecretFile
from broker.secrets import read_secret
from broker.vsphere.gate import Gates
from broker.vsphere.service import Vsphere
from broker.vsphere.sessions import Session
from tests.support.vcenter_entries import (
    ACCOUNT,
    MemoryLatch,
    account_entry,
    policy_of,
    session_on,
    until,
    vcenter_entry,
)

Remote = Any
CIM = "Host.Cim.CimInteraction"
USER = "svc-cim-a@vsphere.local"
OPERATION = "01890a5d-ac96-774b-bcce-b302099a8057"
ADMIN = "administrator@vsphere.local"


class Site:
    """One lab and one `Vsphere` on it. `policy` is what `Vsphere` follows."""

    def __init__(self, lab: Lab, folder: Path, proof_max_age_s: float = 0.0, call_s: float = 4.0) -> None:
        self.lab = lab
        self.vcenter = vcenter_entry(lab.vcenter_host, lab.vcenter_port, lab.ca_file, call_s=call_s)
        self.secret = SecretFile(folder / "svc-cim-a.password")
        self.write_password(lab.password_file(USER).read_text())
        self.latch = MemoryLatch()
        self.policy = policy_of(self.vcenter, account_entry(self.secret, USER))
        self.vsphere = Vsphere(
            self, self.latch, SystemClock(), read_secret, proof_max_age_s, Gates(16, SystemClock())
        )
        self._administrator: Session | None = None

    def current(self) -> Policy:
        return self.policy

    def write_password(self, text: str) -> None:
        self.secret.path.touch(mode=0o600)
        self.secret.path.write_text(text)

    def start(self) -> "Site":
        self.vsphere.start()
        until(lambda: self.vsphere.states()[ACCOUNT].synced)
        return self

    def administrator(self) -> Session:
        if self._administrator is None:
            password = Secret(self.lab.password_file(ADMIN).read_text())
            self._administrator = session_on(self.vcenter, user=ADMIN, secret=lambda: password)
        return self._administrator

    def grant(self, where: str, *privileges: str, user: str = USER) -> None:
        """Let the user hold these, and no more, there and below: an inventory path without slash, or ""."""

        def set_permission(link: Remote) -> None:
            manager = link.content.authorizationManager
            search = link.content.searchIndex
            entity = search.FindByInventoryPath(where) if where else link.content.rootFolder
            name = f"r{abs(hash((where, privileges)))}"
            role = manager.AddAuthorizationRole(name, list(privileges))
            permission = vim.AuthorizationManager.Permission(
                principal=user, group=False, roleId=role, propagate=True
            )
            manager.SetEntityPermissions(entity, [permission])

        self.administrator().run(set_permission)

    def host(self, name: str, account: AccountId = ACCOUNT) -> Host:
        (sighting,) = self.vsphere.find(parse_host_name(name), {account})
        return sighting.host

    def ticket(self, host: Host) -> VcenterTicket:
        """A proof, then a ticket."""
        self.vsphere.prove(ACCOUNT, host)
        return self.vsphere.acquire(ACCOUNT, host, OPERATION, lambda: None)

    def follow(self, *accounts: Account, vcenter: Vcenter | None = None) -> None:
        """Put another policy in force."""
        self.policy = replace(policy_of(vcenter or self.vcenter, *accounts), revision="r2")
        self.vsphere.follow(self.policy)

    def close(self) -> None:
        self.vsphere.close()
        if self._administrator is not None:
            self._administrator.close()
