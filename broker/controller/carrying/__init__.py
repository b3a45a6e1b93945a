"""Carrying out a plan: each write between a re-read and a read-back, and on record before and after it.

    carry      the whole plan: withdrawals, then vCenter by vCenter
    steps      one vCenter's steps in their order; what builds on a failed one is left
    roles      steps about roles
    permissions  steps about permissions
    grants     steps about the store
    readback   waiting until vCenter shows a change
    report     what was done and what was not, each on record first

vCenter has no compare-and-swap: between the re-read and the write somebody else may change the
same thing, and their change is overwritten unseen. That window is one round trip wide. A change
that comes after the write is found by the read-back, named with what stood there before, and
stays.
"""
