"""ServiceInstance: what this vCenter is and where its managers are."""

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from pyVmomi import vim, vmodl

from broker.lab.soap.call import Call
from broker.lab.soap.request import version_number
from broker.lab.world.inventory import ROOT


class Now(Protocol):
    """The lab's clock, as far as this room needs it."""

    def now(self) -> datetime:
        """The lab's time, aware, in UTC."""
        ...


@dataclass(frozen=True, slots=True)
class Product:
    """Which vCenter the lab is: release, build, and the uuid that tells vCenters apart."""

    instance_uuid: str
    version: str = "8.0.3"
    build: str = "24322831"


class ServiceInstance:
    """The managed object that every client starts from."""

    vim_type = vim.ServiceInstance
    moid = "ServiceInstance"

    def __init__(self, clock: Now, product: Product, api_version: str) -> None:
        self._clock = clock
        self._content = _content(_about(product, version_number(api_version)))

    def RetrieveServiceContent(self, call: Call) -> vim.ServiceInstanceContent:
        """The managers; asked before logging in."""
        return self._content

    def CurrentTime(self, call: Call) -> datetime:
        """The lab's time."""
        return self._clock.now()

    def read_content(self, call: Call) -> vim.ServiceInstanceContent:
        """As RetrieveServiceContent."""
        return self._content

    def read_serverClock(self, call: Call) -> datetime:
        """As CurrentTime."""
        return self._clock.now()


def _about(product: Product, api_version: str) -> vim.AboutInfo:
    short = ".".join(product.version.split(".")[:2])
    return vim.AboutInfo(
        name="VMware vCenter Server",
        fullName=f"VMware vCenter Server {product.version} build-{product.build}",
        vendor="VMware, Inc.",
        version=product.version,
        patchLevel="00000",
        build=product.build,
        localeVersion="INTL",
        localeBuild="000",
        osType="linux-x64",
        productLineId="vpx",
        apiType="VirtualCenter",
        apiVersion=api_version,
        instanceUuid=product.instance_uuid,
        licenseProductName="VMware VirtualCenter Server",
        licenseProductVersion=short,
    )


def _content(about: vim.AboutInfo) -> vim.ServiceInstanceContent:
    """Only managers that the lab has: a client finds no door that leads nowhere."""
    return vim.ServiceInstanceContent(
        rootFolder=vim.Folder(ROOT),
        propertyCollector=vmodl.query.PropertyCollector("propertyCollector"),
        viewManager=vim.view.ViewManager("ViewManager"),
        about=about,
        setting=vim.option.OptionManager("VpxSettings"),
        userDirectory=vim.UserDirectory("UserDirectory"),
        sessionManager=vim.SessionManager("SessionManager"),
        authorizationManager=vim.AuthorizationManager("AuthorizationManager"),
        eventManager=vim.event.EventManager("EventManager"),
        searchIndex=vim.SearchIndex("SearchIndex"),
    )
