"""The alert rules and the dashboard that are shipped, and every expression in them."""

import json
from typing import Any

import yaml

from tests.support.tools import ROOT


def of_dashboard(text: str) -> str:
    """The expression as Grafana would send it."""
    return text.replace("$__rate_interval", "5m").replace("$instance", ".*")


RULES: dict[str, Any] = yaml.safe_load((ROOT / "config/alerts.yaml").read_text())
DASHBOARD: dict[str, Any] = json.loads((ROOT / "config/grafana-dashboard.json").read_text())
ALERTS: list[dict[str, Any]] = [rule for group in RULES["groups"] for rule in group["rules"]]
PANELS: list[dict[str, Any]] = [panel for panel in DASHBOARD["panels"] if panel["type"] != "row"]
EXPRESSIONS: list[tuple[str, str]] = [(alert["alert"], str(alert["expr"])) for alert in ALERTS] + [
    (panel["title"], of_dashboard(target["expr"])) for panel in PANELS for target in panel["targets"]
]
"""Where each stands, and its text."""
