"""The privileged side: what makes the policy true in vCenter, and what watches whether it stays so.

    apply      once, by an admin: roles, scopes, permissions; into the store what was applied
    watch      again and again: what of it no longer holds
    process    `broker controller`: watch on a schedule and on reload
    assembly   the parts, put together from the controller's own file

Nothing that serves an app imports this package, and nothing here listens.
"""
