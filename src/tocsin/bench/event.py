"""Event: what the load sends, an ordinary problem report of about one kilobyte as Alertmanager writes them."""

from collections.abc import Iterator

import msgspec

from tocsin.bench.line import request

ENQUEUE = "/v2/enqueue"
REPEATED_KEYS = 100  # of a load that repeats itself: a hundred problems that are reported again and again
MARK = "%KEY%"  # where the dedup key stands in a template

_BODY = {
    "routing_key": "",
    "event_action": "trigger",
    "dedup_key": MARK,
    "client": "Alertmanager",
    "client_url": "https://alerts.example.com/#/alerts?receiver=tocsin",
    "payload": {
        "summary": MARK,
        "source": "db-07.fra.example.com",
        "severity": "critical",
        "component": "postgres",
        "group": "checkout",
        "class": "replication lag",
        "timestamp": "2026-11-24T12:00:00.000Z",
        "custom_details": {
            "firing": "Labels:\n - alertname = ReplicationLag\n - cluster = fra-1\n - instance = db-07:9187\n"
            " - job = postgres\n - severity = critical\nAnnotations:\n - summary = The replica is 214 seconds behind\n"
            "Source: https://metrics.example.com/graph?g0.expr=pg_replication_lag_seconds%3E120&g0.tab=1\n",
            "num_firing": "1",
            "num_resolved": "0",
            "runbook": "https://wiki.example.com/runbooks/replication-lag",
            "dashboard": "https://grafana.example.com/d/abcd1234/postgres?var-instance=db-07",
            "lag_seconds": 214.62,
            "labels": {"alertname": "ReplicationLag", "cluster": "fra-1", "instance": "db-07:9187", "job": "postgres"},
        },
    },
}


def template(routing_key: str) -> str:
    """Return the JSON of an event of this integration, with `MARK` where its dedup key and summary belong."""
    return msgspec.json.encode(_BODY | {"routing_key": routing_key}).decode()


def event(routing_key: str, key: str) -> bytes:
    """Return the request that sends one event."""
    return request("POST", ENQUEUE, body=template(routing_key).replace(MARK, key).encode())


def events(routing_key: str, prefix: str, *, different: int | None = None) -> Iterator[bytes]:
    """Return requests without end whose dedup keys begin with `prefix`: all different, or so many again and again."""
    text = template(routing_key)
    number = 0
    while True:
        key = f"{prefix}-{number if different is None else number % different}"
        yield request("POST", ENQUEUE, body=text.replace(MARK, key).encode())
        number += 1
