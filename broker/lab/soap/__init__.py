"""The wire: HTTP over TLS, SOAP made and read with pyVmomi's own types, faults as vCenter sends them."""
