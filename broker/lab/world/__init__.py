"""What the simulated vCenter knows: inventory, hosts, users, sessions, events, and which of it changed."""
