"""Least-privilege role and CIM ticket broker for vSphere."""

__version__ = "0.1.0"
