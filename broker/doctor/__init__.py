"""What is wrong with a vCenter, its accounts and its hosts, and what to do about it.

    catalogue    every finding there is: id, severity, title, advice
    finding      one finding, and the report of a whole look
    reach        which hosts each grant is for, by the paths that admins wrote
    connection, privileged, accounts, hosts
                 pure: what was read goes in, findings come out
    visit        what is asked of one vCenter, once logged in to it
    examine      the whole examination, in the order in which one thing makes sense after another

Nothing here changes anything, in vCenter or in the store.
"""
