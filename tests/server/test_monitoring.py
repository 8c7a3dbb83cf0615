"""The dashboard and the alert rules ask for what `/metrics` has."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from tests.server.live import LiveServer

DEPLOY = Path(__file__).parents[2] / "deploy"
# Prometheus adds these to whatever it scrapes, and `up` to every target.
OF_THE_SCRAPE = {"instance", "job"}
NOT_OURS = {"up"}

# The series of an answer: by name and label, the values.
Series = dict[str, dict[str, set[str]]]


def dashboard_queries() -> list[tuple[str, str]]:
    """Every query of the dashboard, and the legend that is made of its labels."""
    dashboard = json.loads((DEPLOY / "grafana.json").read_text(encoding="utf-8"))
    targets = [target for panel in dashboard["panels"] for target in panel["targets"]]
    return [(target["expr"], target["legendFormat"]) for target in targets]


def alert_queries() -> list[tuple[str, str]]:
    """Every query of the alert rules, and the sentence that is made of its labels."""
    rules = yaml.safe_load((DEPLOY / "alerts.yml").read_text(encoding="utf-8"))
    found = [rule for group in rules["groups"] for rule in group["rules"]]
    return [(rule["expr"], rule["annotations"]["summary"]) for rule in found]


QUERIES = [*dashboard_queries(), *alert_queries()]


@pytest.fixture(scope="module")
def exposed(live: LiveServer) -> Series:
    """The series of a real answer of `/metrics`, after a chat, feedback and probes."""
    person = live.new_person()
    with live.client(person.key) as client:
        target = live.chat(person.key)["id"]
        client.post("/v1/feedback", json={"target": target, "value": "up"})
        for probe in ("/health", "/ready", "/metrics"):
            client.get(probe)
        text = client.get("/metrics").text
    series: Series = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            labels = series.setdefault(sample.name, {})
            for label, value in sample.labels.items():
                labels.setdefault(label, set()).add(value)
    return series


def metrics(query: str) -> set[str]:
    """The names of a query's metrics."""
    return set(re.findall(r"\b(?:loralei_\w+|up)\b", re.sub(r'"[^"]*"', "", query)))


def labels(query: str, text: str) -> Iterator[str]:
    """The labels of a query: in selectors, in groupings, and in the text that shows them."""
    for selectors in re.findall(r"\{([^}]*)\}", query):
        yield from re.findall(r"(\w+)\s*(?:=|!=|=~|!~)\s*\"", selectors)
    for names in re.findall(r"\b(?:by|on) \(([^)]*)\)", query):
        yield from re.findall(r"\w+", names)
    yield from re.findall(r"\{\{\s*(?:\$labels\.)?(\w+)\s*\}\}", text)


def test_every_metric_of_a_query_exists(exposed: Series) -> None:
    unknown = {query: metrics(query) - exposed.keys() - NOT_OURS for query, _ in QUERIES}
    assert [query for query, names in unknown.items() if names] == []
    assert all(metrics(query) for query, _ in QUERIES)


def test_every_label_of_a_query_exists(exposed: Series) -> None:
    for query, text in QUERIES:
        known = {label for name in metrics(query) - NOT_OURS for label in exposed[name]}
        assert set(labels(query, text)) <= known | OF_THE_SCRAPE, query


def test_every_route_of_a_query_exists(exposed: Series) -> None:
    patterns = re.findall(r'route!~"([^"]*)"', " ".join(query for query, _ in QUERIES))
    routes = {route for pattern in patterns for route in pattern.split("|")}
    assert routes <= exposed["loralei_requests_total"]["route"]


def test_the_dashboard_shows_every_metric(exposed: Series) -> None:
    shown = {name for query, _ in dashboard_queries() for name in metrics(query)}
    # A histogram's sum and count are in its buckets; `_created` is the time of the start.
    families = {re.sub(r"_(sum|count)$", "_bucket", name) for name in exposed}
    assert {name for name in families if not name.endswith("_created")} == shown
