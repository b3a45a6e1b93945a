"""What becomes of a drift: an admin looks at it, takes it as it is, or puts back what the policy says.

    look       one look now, for whoever asks
    adopt      vCenter's present state as the applied one, where it is what the policy wants
    restore    the plan that puts back what drifted, carried out as an apply is

Nothing here is done by itself.
"""
