"""vCenter, behind the ports. This package and the lab alone import pyVmomi."""
