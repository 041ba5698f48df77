"""Watch: what the engine measures of itself, and whether each of its loops still moves."""

from collections.abc import Collection
from datetime import timedelta

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from tocsin.ground import clock

_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 15, 60, 300, 900)


class Watch:
    """The metrics of one process, and the last beat of each loop."""

    def __init__(self) -> None:
        """Start with nothing measured."""
        self.registry = CollectorRegistry()
        self._beats: dict[str, float] = {}
        self.first_page = Histogram(
            "tocsin_first_page_seconds",
            "From the opening of an incident to its first page handed to a provider.",
            buckets=_SECONDS,
            registry=self.registry,
        )
        self.timer_lateness = Histogram(
            "tocsin_timer_lateness_seconds",
            "How late what was due for an incident happened.",
            buckets=_SECONDS,
            registry=self.registry,
        )
        self.events = Counter("tocsin_events_total", "Events worked on.", registry=self.registry)
        self.parked = Counter("tocsin_events_parked_total", "Events put aside with an error.", registry=self.registry)
        self.pages = Counter(
            "tocsin_pages_total",
            "Pages handed over, by receipt.",
            ["channel", "receipt"],
            registry=self.registry,
        )
        self.inbox_age = Gauge(
            "tocsin_inbox_age_seconds", "Age of the oldest event that waits.", registry=self.registry
        )
        self.inbox_events = Gauge("tocsin_inbox_events", "Events that wait.", registry=self.registry)
        self.unknown = Gauge(
            "tocsin_unknown_pages", "Pages of the last day that ended unknown.", registry=self.registry
        )
        self.violations = Counter(
            "tocsin_invariant_violations_total", "Broken promises found.", ["invariant"], registry=self.registry
        )
        self.coverage = Gauge(
            "tocsin_coverage_findings",
            "What will be wrong with who is on call in the next 14 days.",
            ["verdict"],
            registry=self.registry,
        )
        self.probe = Histogram(
            "tocsin_probe_seconds",
            "From a test event to its page.",
            buckets=_SECONDS,
            registry=self.registry,
        )

    def beat(self, loop: str, *, pause_s: float = 0.0) -> None:
        """Note that a loop has come round, and for how many seconds it may rest before it comes round again."""
        self._beats[loop] = clock.seconds() + pause_s

    def stalled(self, longest: timedelta) -> list[str]:
        """Return the loops that have not come round for longer than this, beside the pause that they announced."""
        now = clock.seconds()
        return sorted(loop for loop, at in self._beats.items() if now - at > longest.total_seconds())

    def handed(self, channel: str, receipt: str, *, pages: int, first_after: timedelta | None) -> None:
        """Note how a message ended that spoke of so many pages; `first_after` when it was an incident's first."""
        self.pages.labels(channel, receipt).inc(pages)
        if receipt == "accepted" and first_after is not None:
            self.first_page.observe(max(first_after.total_seconds(), 0.0))

    def violated(self, invariant: str, subjects: Collection[str]) -> None:
        """Note broken promises of one kind."""
        self.violations.labels(invariant).inc(len(subjects))

    def exposition(self) -> bytes:
        """Return all metrics in Prometheus' text format."""
        return generate_latest(self.registry)
