"""Render docs/metrics.md from the code: `python -m tests.docs.render_metrics > docs/metrics.md`."""

from collections.abc import Iterable

from broker.metrics.families import FAMILIES, NONE, OTHER, Family
from broker.metrics.meter import METHODS
from broker.model.applied import DriftKind
from broker.model.health import Degraded
from broker.ports.metering import CallResult, Ended, Stop

INTRODUCTION = """\
# Metrics

With `metrics` in `server.yaml`, every worker of `broker serve` answers `GET /metrics` on a listener of its
own, in the text format of Prometheus or in OpenMetrics. Without the key there is no such listener.

- **Each worker is a target.** A worker takes the first free port of as many as there are workers, from `port`
  on, and shows its own numbers; sums over workers are Prometheus' business. One that takes the place of
  another gets that one's port as soon as it is free, and begins at 0, as counters of Prometheus may. With
  `workers: 4` and the default port:

  ```yaml
  scrape_configs:
    - job_name: cim-ticket-broker
      static_configs:
        - targets: ["127.0.0.1:9464", "127.0.0.1:9465", "127.0.0.1:9466", "127.0.0.1:9467"]
  ```

- **Plain HTTP is for loopback.** On any other address the listener needs `certificate` and `key`; with
  `client_ca` it answers nobody who shows no certificate of that CA.
- **It holds nothing up.** It is no part of the listener for apps, has few connections at a time, each for
  seconds at most, and a new one ends the oldest; it asks neither the DNS nor vCenter.
- **Labels are closed sets**: words of the code, ids of the policy, paths of the route table. No app, grant,
  account, host, user or address is ever a label. What is on no list is `other`; what is not known is `none`.
- Process and interpreter show as `process_*` and `python_info`, as the library has them.
- [alerts.yaml](../config/alerts.yaml) is a rule file for Prometheus, and
  [grafana-dashboard.json](../config/grafana-dashboard.json) a dashboard to import into Grafana.
"""

_HEADER = ("| Metric | Type | Labels | Meaning |", "| --- | --- | --- | --- |")
_LABEL_HEADER = ("| Label | Values |", "| --- | --- |")


def _codes(values: Iterable[str]) -> str:
    return ", ".join(f"`{value}`" for value in values)


LABELS = {
    "ended": _codes(Ended),
    "template": f"ids of templates; `{NONE}` where the request was refused before its grant was found",
    "vcenter": f"ids of vCenters; `{NONE}` as above, where the request names none",
    "reason": f"[reason codes](reasons.md); `{NONE}` where there is none",
    "stop": _codes(Stop),
    "route": f"paths as in `/openapi.json`, in the form of the route table; `{NONE}` for what is no route",
    "status": "`2xx`, `4xx`, `5xx`",
    "method": f"{_codes(sorted(METHODS))}, `{OTHER}`",
    "result": f"of a call {_codes(CallResult)}; of a commit `durable`, `unknown`",
    "code": f"{_codes(Degraded)}, `{OTHER}`",
    "kind": _codes(DriftKind),
    "version": "of the broker",
    "python": "of the interpreter",
}


def rendered() -> str:
    """The reference page of the metrics."""
    families = "\n".join((*_HEADER, *map(_row, FAMILIES)))
    labels = "\n".join((*_LABEL_HEADER, *(f"| `{name}` | {values} |" for name, values in LABELS.items())))
    return f"{INTRODUCTION}\n## What there is\n\n{families}\n\n## Labels\n\n{labels}\n"


def _row(family: Family) -> str:
    labels = ", ".join(f"`{label}`" for label in family.labels)
    return f"| `{family.name}` | {family.kind} | {labels} | {family.meaning} |"


if __name__ == "__main__":
    print(rendered(), end="")
