"""From the policy and one look at vCenter to a plan: what would be changed, in which order, and why.

    plan         what a plan says
    wishes       what the policy asks of one vCenter: a seat for each account and object
    roles        what that takes in roles; retired: those that nobody wants any more
    permissions  what a seat takes in permissions; leftovers: ours that no grant asks for
    conflicts    what stands in a seat's way
    seating      which seats can be taken
    grants       which grants the store would then hold
    draft        all of it, from a basis and the facts known: a pure function
    facts        what only asking tells, and what a draft wants to know
    looking      asks vCenter and the store, and drafts: the one door
    observed     what a plan rests on, in words
    document     a plan as JSON, and whether a saved one still says what would be done

Nothing here writes anything anywhere.
"""
