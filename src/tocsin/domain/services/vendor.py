"""Vendors: the tools whose events an integration can take."""

from typing import Final, NamedTuple


class Vendor(NamedTuple):
    """A tool: a stable id, its name, its site, what its events say, and the kind of integration it makes."""

    id: str
    name: str
    website: str
    description: str
    integration_kind: str


# Ids are part of the wire: configuration as code names them, so they never change.
VENDORS: Final = (
    Vendor(
        "PTALRTM", "Prometheus Alertmanager", "https://prometheus.io",
        "Alerts of Prometheus, sent by Alertmanager's PagerDuty receiver with a routing key.",
        "events_api_v2_inbound_integration",
    ),
    Vendor(
        "PTGRAFA", "Grafana", "https://grafana.com",
        "Alerts of Grafana, sent by its PagerDuty contact point with an integration key.",
        "events_api_v2_inbound_integration",
    ),
    Vendor(
        "PTEVNT2", "Events API v2", "",
        "Anything that can send an event of version 2: trigger, acknowledge or resolve.",
        "events_api_v2_inbound_integration",
    ),
    Vendor(
        "PTEVNT1", "Events API v1", "",
        "Older tools that send events of version 1 with a service key.",
        "generic_events_api_inbound_integration",
    ),
)  # fmt: skip


def vendor_with(vendor_id: str) -> Vendor | None:
    """Return the vendor with this id, or None."""
    return next((vendor for vendor in VENDORS if vendor.id == vendor_id), None)
