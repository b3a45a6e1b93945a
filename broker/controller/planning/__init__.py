"""From the policy and one look at vCenter to a plan: what would be changed, in which order, and why.

    plan        what a plan says
    wishes      what the policy asks of one vCenter: a seat for each account and object
    roles       what that takes in roles
    conflicts   what stands in a seat's way
    grants      which grants the store would then hold
    draft       all of it, on a survey and on the facts known: a pure function
    facts       what only asking tells, and what a draft wants to know
    looking     asks vCenter and the store, and drafts: the one door
    document    a plan as JSON, and whether two say the same

Nothing here writes anything anywhere.
"""
