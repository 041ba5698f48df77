"""Ledger: what the outside world saw, compared with what stands in the database and with what was promised."""

import json
from dataclasses import dataclass, field

import psycopg

from tests.town.webhook_sink import Caught

LATE_AFTER_S = 1.0  # seconds after the answer to an acknowledgement in which a page that was leaving may still arrive

_STORED = """
    SELECT body::json ->> 'summary' FROM inbox
     UNION ALL SELECT body::json ->> 'summary' FROM event
     UNION ALL SELECT body::json ->> 'summary' FROM parked_event
"""
_TO_DO = """
    SELECT (SELECT count(*) FROM inbox)
           + (SELECT count(*) FROM timer WHERE due_at <= tocsin_now())
           + (SELECT count(*) FROM notification
               WHERE state = 'leased' OR (state = 'pending' AND due_at <= tocsin_now()))
"""
_UNTOLD = """
    SELECT count(*) FROM incident i
     WHERE status = 'triggered' AND NOT EXISTS (
           SELECT FROM notification n WHERE n.incident_id = i.id AND n.state IN ('handed', 'unknown'))
"""


@dataclass
class Arrival:
    """A page as it arrived at its receiver, at a monotonic instant."""

    at: float
    key: str
    incident_id: str
    may_repeat: bool


@dataclass
class Ledger:
    """Events that were answered 202, pages that arrived, and acknowledgements that were confirmed."""

    sent: int = 0
    refused: int = 0
    accepted: list[str] = field(default_factory=list)
    arrivals: list[Arrival] = field(default_factory=list)
    acknowledged: dict[str, float] = field(default_factory=dict)

    def arrived(self, caught: Caught, at: float) -> None:
        """Note a page."""
        page = json.loads(caught.body)
        incident = page["incident"] or {}
        self.arrivals.append(
            Arrival(at, caught.headers["x-tocsin-delivery"], str(incident.get("id", "")), bool(page["may_repeat"]))
        )

    def figures(self) -> str:
        """Return what happened, in one line."""
        marked = sum(arrival.may_repeat for arrival in self.arrivals)
        return (
            f"{len(self.accepted)} of {self.sent} events accepted ({self.refused} refusals and cut lines), "
            f"{len(self.arrivals)} pages, {marked} of them marked as repeats, {len(self.acknowledged)} acknowledged"
        )

    def lost(self, dsn: str) -> list[str]:
        """Return the events that were answered 202 and are nowhere."""
        with psycopg.connect(dsn) as connection:
            stored = {summary for (summary,) in connection.execute(_STORED)}
        return [name for name in self.accepted if name not in stored]

    def unmarked_repeats(self) -> list[str]:
        """Return the pages that arrived a second time without saying that they may repeat an earlier one."""
        seen: set[str] = set()
        found = []
        for arrival in self.arrivals:
            if arrival.key in seen and not arrival.may_repeat:
                found.append(arrival.key)
            seen.add(arrival.key)
        return found

    def late(self) -> list[tuple[str, float]]:
        """Return the pages that arrived after their incident was acknowledged, with the seconds that passed."""
        return [
            (arrival.incident_id, round(arrival.at - answered_at, 3))
            for arrival in self.arrivals
            if (answered_at := self.acknowledged.get(arrival.incident_id)) is not None
            and arrival.at > answered_at + LATE_AFTER_S
        ]


def to_do(dsn: str) -> int:
    """Return how much of what is due is not done yet."""
    return _number(dsn, _TO_DO)


def untold(dsn: str) -> int:
    """Return how many open incidents nobody was told about."""
    return _number(dsn, _UNTOLD)


def _number(dsn: str, question: str) -> int:
    with psycopg.connect(dsn) as connection:
        row = connection.execute(question.encode()).fetchone()
    assert row is not None
    return int(row[0])
