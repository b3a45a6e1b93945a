"""`broker roles plan --replay`: what the plan would have made of the requests on record.

    asked     which requests there were: read from the log, the same ones counted together
    decided   each decided anew: a pure function of the policy, the hosts and the grants after the plan

Decided is what the policy decides: which host, which grant, whether it is in force, whether the host
is connected and of a supported release. Limits, readiness and proofs belong to their moment.
"""
