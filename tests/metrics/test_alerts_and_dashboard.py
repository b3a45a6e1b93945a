"""The alert rules and the dashboard that are shipped are well-formed; test_scrape.py finds their metrics."""

import re
from typing import Any

import pytest

from broker.errors import Reason
from broker.metrics.families import FAMILIES, NONE
from broker.metrics.meter import METHODS
from broker.model.applied import DriftKind
from broker.model.health import Degraded
from broker.ports.metering import CallResult, Ended, Stop
from tests.support.promql import TARGET, Query
from tests.support.shipped_queries import ALERTS, DASHBOARD, EXPRESSIONS, PANELS, of_dashboard

VALUES: dict[str, set[str]] = {
    "code": {*Degraded},
    "ended": {*Ended},
    "kind": {*DriftKind},
    "method": {*METHODS},
    "reason": {*Reason, NONE},
    "result": {*CallResult, "durable", "unknown"},
    "route": {"/v1/tickets"},
    "stop": {*Stop},
}
"""What labels can be: a typo in a rule would never fire."""


@pytest.mark.parametrize(("where", "text"), EXPRESSIONS)
def test_an_expression_asks_for_values_that_a_label_can_have(where: str, text: str) -> None:
    wanted = [matcher for selector in Query(text).selectors() for matcher in selector.matchers]
    for name, _, value in wanted:
        if name not in TARGET:
            assert set(value.split("|")) <= VALUES[name]


def test_every_metric_of_ours_is_on_the_dashboard() -> None:
    texts = " ".join(target["expr"] for panel in PANELS for target in panel["targets"])
    assert [family.name for family in FAMILIES if family.name not in texts] == []


@pytest.mark.parametrize("alert", ALERTS, ids=lambda alert: alert["alert"])
def test_an_alert_says_how_bad_it_is_and_what_to_do(alert: dict[str, Any]) -> None:
    assert set(alert) <= {"alert", "expr", "for", "labels", "annotations"}
    assert re.fullmatch(r"Broker[A-Za-z]+", alert["alert"])
    assert alert["labels"]["severity"] in {"critical", "warning"}
    assert set(alert["annotations"]) == {"summary", "description"}
    assert re.fullmatch(r"[0-9]+m", alert.get("for", "1m"))


@pytest.mark.parametrize("alert", ALERTS, ids=lambda alert: alert["alert"])
def test_an_alert_names_only_labels_that_its_result_has(alert: dict[str, Any]) -> None:
    named = set(re.findall(r"\$labels\.(\w+)", " ".join(alert["annotations"].values())))
    results = Query(alert["expr"]).results()
    assert results is None or named <= results


def test_no_alert_stands_twice() -> None:
    names = [alert["alert"] for alert in ALERTS]
    assert len(set(names)) == len(names)


def test_every_code_of_degraded_is_some_alert_s_business() -> None:
    texts = " ".join(alert["expr"] for alert in ALERTS)
    alone = {code for named in re.findall(r'code=~?"([\w|]+)"', texts) for code in named.split("|")}
    (left_out,) = re.findall(r'code!~"([\w|]+)"', texts)
    assert set(left_out.split("|")) == alone


@pytest.mark.parametrize("panel", PANELS, ids=lambda panel: panel["title"])
def test_a_legend_names_only_labels_that_the_result_has(panel: dict[str, Any]) -> None:
    for target in panel["targets"]:
        named = set(re.findall(r"\{\{(\w+)\}\}", target["legendFormat"]))
        results = Query(of_dashboard(target["expr"])).results()
        assert results is None or named <= results


def test_panels_lie_side_by_side_and_have_ids_of_their_own() -> None:
    ids = [panel["id"] for panel in DASHBOARD["panels"]]
    assert len(set(ids)) == len(ids)
    taken: set[tuple[int, int]] = set()
    for panel in DASHBOARD["panels"]:
        at = panel["gridPos"]
        cells = {(at["x"] + dx, at["y"] + dy) for dx in range(at["w"]) for dy in range(at["h"])}
        assert max(x for x, _ in cells) < 24
        assert not cells & taken
        taken |= cells


def test_the_dashboard_asks_whatever_data_source_is_chosen() -> None:
    assert {panel["datasource"]["uid"] for panel in PANELS} == {"${datasource}"}
    assert [variable["name"] for variable in DASHBOARD["templating"]["list"]] == ["datasource", "instance"]
