"""The managed objects that a vCenter offers, each a plain class with the API's method names."""
