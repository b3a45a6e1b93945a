"""Why an app gets a ticket for a host, or why not, and what would have to change.

    explanation  what is told: the verdict, the stops of the way, every grant of the app
    advice       what an admin can do about each reason
    view         hosts and privileges of the low-privilege accounts, as the controller's session tells them
    unrecorded   the rooms in which a rehearsal spends nothing and leaves no record
    explain      rehearses the request, once as it is asked and once under each grant
    past         what the log says of an issuance that was refused

The decision is `broker.issue.rehearse`, the one that a dry run meets: nothing is decided here.
"""
