"""Turning the lab's knobs: a 0600 Unix socket, its server and its client."""
