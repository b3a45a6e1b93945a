"""CIM-XML over HTTPS, as an ESXi host offers it."""
