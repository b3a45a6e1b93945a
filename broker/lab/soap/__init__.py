"""The wire: HTTP over TLS, SOAP made and read with pyVmomi's own type tables, faults as vCenter sends them."""
