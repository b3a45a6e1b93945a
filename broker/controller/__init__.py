"""The privileged side: what makes the policy true in vCenter, and what watches whether it stays so.

    apply      once, by an admin: a plan (planning/) and its carrying out (carrying/)
    watch      again and again, and when vCenter tells of a change: what of it no longer holds
    resolving  what becomes of that: looked at, adopted, restored
    process    `broker controller`: the watch, until it is told to end
    assembly   the parts, put together from the controller's own file

Nothing that serves an app imports this package, and nothing here opens a port.
"""
