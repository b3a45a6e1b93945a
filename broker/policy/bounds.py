"""What a template lets the grants do that name it, as far as the files alone can say."""

from broker.model.policy import Rate
from broker.policy.compile import compile_rate
from broker.policy.files import GrantEntry, TemplateFile
from broker.policy.problems import Problems
from broker.policy.written import Written, WrittenPolicy


def check_bounds(policy: WrittenPolicy, problems: Problems) -> None:
    """Note each grant that its template rules out."""
    for grant in policy.grants:
        template = policy.templates.entries.get(grant.body.template)
        if template is not None:
            _check_kind(grant, template.body, problems)
            _check_rate(grant, template.body, problems)


def _check_kind(grant: Written[GrantEntry], template: TemplateFile, problems: Problems) -> None:
    if template.kind == "controller":
        grant.note(
            problems,
            ("template",),
            "is of kind controller: it is what the controller's own account needs",
            "Name a template of kind app",
        )


def _check_rate(grant: Written[GrantEntry], template: TemplateFile, problems: Problems) -> None:
    if template.max_rate_per_host is None:
        return
    most, rate = compile_rate(template.max_rate_per_host), compile_rate(grant.body.rate_per_host)
    if not _within(rate, most):
        grant.note(
            problems,
            ("rate_per_host",),
            f"allows more than its template, whose most is {most.count} in {most.seconds} s",
            "Write a lower rate_per_host, or raise max_rate_per_host of the template",
        )


def _within(rate: Rate, most: Rate) -> bool:
    return rate.most_in(most.seconds) <= most.count
