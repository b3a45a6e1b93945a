"""The bare side: pyVmomi alone, sessions and connections pooled.

It verifies TLS as the broker does, asks for the same hosts as the same account, and lets pyVmomi do the rest.
"""

import ssl
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pyVmomi import vim
from pyVmomi.SoapAdapter import SoapStubAdapter

from broker.vsphere.connection import API_VERSION
from tests.bench.loop import Host, Vcenters, serve

Remote = Any
_IDLE_S = 60


class Pool:
    """One logged-in session with each vCenter, and so many connections."""

    def __init__(self, vcenters: Vcenters, connections: int) -> None:
        self._stubs = {each["id"]: _logged_in(each, connections) for each in vcenters}

    def take(self, host: Host) -> None:
        """One ticket."""
        vcenter, _, moid = host
        ticket: Remote = vim.HostSystem(moid, self._stubs[vcenter]).AcquireCimServicesTicket()
        if not ticket.sessionId:
            raise RuntimeError("an answer without a ticket")


def _logged_in(vcenter: Mapping[str, Any], connections: int) -> SoapStubAdapter:
    stub = SoapStubAdapter(
        host="localhost",
        port=vcenter["port"],
        version=API_VERSION,
        sslContext=ssl.create_default_context(cafile=vcenter["ca_file"]),
        poolSize=connections,
        connectionPoolTimeout=_IDLE_S,
        acceptCompressedResponses=False,
    )
    content: Remote = vim.ServiceInstance("ServiceInstance", stub).RetrieveContent()
    password = Path(vcenter["password_file"]).read_text()
    content.sessionManager.Login(vcenter["user"], password, None)
    return stub


if __name__ == "__main__":
    serve(lambda vcenters, connections: Pool(vcenters, connections).take)
