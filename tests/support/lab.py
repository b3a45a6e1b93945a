"""A whole lab for tests, and pyVmomi sessions on it."""

import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pyVmomi import vim
from pyVmomi.SoapAdapter import SoapStubAdapter

from broker.lab.process import Lab, LabOptions


def small_lab(state_dir: Path, **options: Any) -> Lab:
    """Six hosts: four in two clusters, two alone; three answer CIM-XML."""
    return Lab.start(
        LabOptions(state_dir, **({"hosts": 6, "clusters": 2, "standalone": 2, "cim_hosts": 3} | options))
    )


@contextmanager
def logged_in(
    lab: Lab, user: str = "administrator@vsphere.local", password: str = "", timeout_s: float = 10
) -> Iterator[Any]:
    """The ServiceContent of a session of `user`, with its stub closed at the end."""
    context = ssl.create_default_context(cafile=lab.ca_file)
    stub = SoapStubAdapter(
        lab.vcenter_host,
        lab.vcenter_port,
        version="vim.version.v8_0_2_0",
        sslContext=context,
        httpConnectionTimeout=timeout_s,
    )
    try:
        content: Any = vim.ServiceInstance("ServiceInstance", stub).RetrieveContent()
        secret = password or lab.password_file(user).read_text()
        content.sessionManager.Login(user, secret, None)
        yield content
    finally:
        stub.DropConnections()


def entity_at(content: Any, path: str) -> Any:
    """The managed entity at `DC1/host/cluster-01`."""
    return content.searchIndex.FindByInventoryPath(path)
