"""Whether the service's rate leaves something to the other apps. For `broker config check`."""

from broker.policy.compile import compile_rate
from broker.policy.problems import Problems
from broker.policy.written import WrittenPolicy


def check_shares(policy: WrittenPolicy, problems: Problems) -> None:
    """Note each app whose own rate lets it use up the rate of all apps together.

    Not refused at start: the service's rate is taken then, and an app's at every reload.
    """
    if policy.server is None:
        return
    service = policy.server.body.service_rate
    for app in policy.apps:
        if compile_rate(app.body.rate).most_in(service.seconds) >= service.count:
            app.note(
                problems,
                ("rate",),
                "lets this app alone use up service_rate, which is for all apps together",
                f"Allow it fewer than {service.count} in {service.seconds} s, or raise service_rate",
            )
