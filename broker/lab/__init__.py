"""A simulated vCenter and its ESXi CIM endpoints, on loopback over real TLS and SOAP."""
