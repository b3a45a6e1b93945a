"""The script that people write today: log in, find the host through a container view, take a ticket, log out.

What a script does with `pyVim.connect` and the usual `get_obj` of pyVmomi's samples, call by call: it asks
which versions the vCenter speaks, logs in, makes a view of all hosts, asks each for its name until the
right one is there, takes the ticket and logs out. A script would also start an interpreter each time and
read pyVmomi, about half a second; that is left out. TLS is verified.
"""

import ssl
from collections.abc import Mapping
from http.client import HTTPSConnection
from pathlib import Path
from typing import Any

from pyVmomi import vim
from pyVmomi.SoapAdapter import SoapStubAdapter

from broker.vsphere.connection import API_VERSION
from tests.bench.loop import Host, Vcenters, serve

Remote = Any


class Script:
    """Runs from log-in to log-out for each ticket."""

    def __init__(self, vcenters: Vcenters) -> None:
        self._vcenters = {each["id"]: each for each in vcenters}

    def take(self, host: Host) -> None:
        """One ticket."""
        vcenter, name, _ = host
        instance = _connected(self._vcenters[vcenter])
        ticket: Remote = _found(instance.RetrieveContent(), name).AcquireCimServicesTicket()
        if not ticket.sessionId:
            raise RuntimeError("an answer without a ticket")
        instance.RetrieveContent().sessionManager.Logout()
        instance._stub.DropConnections()


def _connected(vcenter: Mapping[str, Any]) -> Remote:
    context = ssl.create_default_context(cafile=vcenter["ca_file"])
    _ask_for_versions(vcenter["port"], context)
    stub = SoapStubAdapter(host="localhost", port=vcenter["port"], version=API_VERSION, sslContext=context)
    instance: Remote = vim.ServiceInstance("ServiceInstance", stub)
    password = Path(vcenter["password_file"]).read_text()
    instance.RetrieveContent().sessionManager.Login(vcenter["user"], password, None)
    return instance


def _ask_for_versions(port: int, context: ssl.SSLContext) -> None:
    connection = HTTPSConnection("localhost", port, context=context)
    connection.request("GET", "/sdk/vimServiceVersions.xml")
    connection.getresponse().read()
    connection.close()


def _found(content: Remote, name: str) -> Remote:
    view = content.viewManager.CreateContainerView(content.rootFolder, [vim.HostSystem], True)  # noqa: FBT003 - pyVmomi's signature
    try:
        return next(host for host in view.view if host.name == name)
    finally:
        view.Destroy()


if __name__ == "__main__":
    serve(lambda vcenters, _connections: Script(vcenters).take)
