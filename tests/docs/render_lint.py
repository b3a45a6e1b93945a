"""Render docs/lint.md: `python -m tests.docs.render_lint > docs/lint.md`."""

from collections.abc import Iterator

from broker.lint.examples import EXAMPLES, TODAY
from broker.lint.findings import Rule
from broker.lint.run import RULES

INTRODUCTION = f"""\
# `broker roles lint`

Looks at the role templates and grants of a folder, without a vCenter, and says what they allow and had better
not. It asks for nothing but the files, so it runs in CI: `broker roles lint --config DIR`.

An **error** is refused: the command ends with 4. A **warning** and a **note** are told and do not fail,
unless `--fail-on warning` or `--fail-on note` says so. The files themselves being broken ends it with 3, as
`broker config check` does. 0 is a policy in which nothing is refused. `broker roles plan` and `apply` refuse
what is refused here; what is applied already stays in force.

`--format json` is a list of findings: `rule`, `name`, `severity`, `subject`, `privilege`, `file`, `line`,
`key`, `text`, `fix` and, where an override covers it, `accepted`. `--format sarif` is SARIF 2.1.0 for code
scanning; there an override is a suppression.

**An override** accepts one finding for a while. It stands in the template or the grant that the finding is
about, and names the rule, the privilege if the finding names one, why, who answers for it, and the last day
on which it counts:

```yaml
overrides:
  - rule: BR002
    privilege: Host.Config.SystemManagement
    reason: Firmware of the RAID controllers is updated by CIM until they are replaced
    owner: storage team <storage@example.com>
    expires: "2027-03-31"
```

What is covered is still told, as accepted. On the day after, it is found again. Findings about accounts
cannot be overridden; none of them is an error.

What is known of privileges comes from the catalogue that is shipped with the broker, which cites its sources
(`broker/privileges/catalogue.json`). What nothing published says, it calls unknown. Once connected,
`broker roles plan` and `apply` hold templates against the vCenter's own list.

Each example is added to a policy without findings and looked at on {TODAY}.
"""


def rendered() -> str:
    """The reference page of the rules."""
    table = [
        f"| [{rule.id}](#{rule.id.lower()}-{rule.name}) | {rule.name} | {rule.severity} |" for rule in RULES
    ]
    head = ["| Rule | Name | Severity |", "| --- | --- | --- |"]
    return "\n".join([INTRODUCTION, *head, *table, "", *map(_section, RULES)])


def _section(rule: Rule) -> str:
    head = [f"## {rule.id} {rule.name}", "", f"*{rule.severity.capitalize()}.* {rule.text}", ""]
    return "\n".join([*head, rule.fix, "", *_example(rule)])


def _example(rule: Rule) -> Iterator[str]:
    for file, text in EXAMPLES[rule.id].items():
        yield f"```yaml\n# {file}\n{text}```\n"


if __name__ == "__main__":
    print(rendered(), end="")
