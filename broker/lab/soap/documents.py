"""What clients fetch before they speak SOAP: the API versions, and a WSDL that names the service."""

from broker.lab.soap.request import version_number

_NEWEST = "uA046D008"
"""vCenter 8.0.3 names an internal version first, then the public ones."""


def documents(spoken: tuple[str, ...]) -> dict[str, bytes]:
    """The documents by their paths, for a vCenter that speaks these versions, newest first."""
    numbers = [version_number(each) for each in spoken]
    versions = "".join(f"<version>{number}</version>" for number in numbers)
    service_versions = (
        '<?xml version="1.0" encoding="UTF-8" ?><namespaces version="1.0"><namespace><name>urn:vim25</name>'
        f"<version>{_NEWEST}</version><priorVersions>{versions}</priorVersions></namespace></namespaces>\n"
    )
    wsdl = (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        '<definitions targetNamespace="urn:vim25Service" xmlns="http://schemas.xmlsoap.org/wsdl/"'
        ' xmlns:soap="http://schemas.xmlsoap.org/wsdl/soap/" xmlns:interface="urn:vim25">'
        '<import location="vim.wsdl" namespace="urn:vim25"/><service name="VimService">'
        '<port binding="interface:VimBinding" name="VimPort"><soap:address location="https://localhost/sdk/vimService"/>'
        "</port></service></definitions>\n"
    )
    return {
        "/sdk/vimServiceVersions.xml": service_versions.encode(),
        "/sdk/vimService?wsdl": wsdl.encode(),
        "/sdk/vimService": wsdl.encode(),
    }
