"""The privileged side: what makes the policy true in vCenter, and what watches whether it stays so.

    planning   what would have to change, and what stands in the way: writes nothing
    carrying   making a plan's steps, each between a re-read and a read-back
    replay     what a plan would have made of the requests on record
    apply      once, by an admin: a plan, then its steps
    watch      again and again, and when vCenter tells of a change: what of it no longer holds
    resolving  what becomes of that: looked at, adopted, restored
    process    `broker controller`: the watch, until it is told to end
    assembly   the parts, put together from the controller's own file

Nothing that serves an app imports this package, and nothing here opens a port.
"""
