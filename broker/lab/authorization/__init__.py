"""Who may do what in the simulated vCenter."""
