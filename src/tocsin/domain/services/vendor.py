"""Vendors: the tools whose events an integration can take."""

from collections.abc import Iterable
from typing import Final, NamedTuple

from tocsin.domain.mapping.manifest import Manifest


class Vendor(NamedTuple):
    """A tool: a stable id, its name, its site, what its events say, and the kind of integration it makes.

    `origin` says where the samples of a tool's own webhooks come from; None when it sends no webhooks of its own.
    """

    id: str
    name: str
    website: str
    description: str
    integration_kind: str
    category: str = "events"
    origin: str | None = None


# Ids are part of the wire: configuration as code names them, so they never change.
EVENTS_API: Final = (
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

# Tools whose integrations have a type of their own in PagerDuty's API, or are mostly made with the first one there.
_TYPE_OF_TOOL: Final = {
    "alertmanager": "events_api_v2_inbound_integration",
    "grafana": "events_api_v2_inbound_integration",
    "aws-cloudwatch": "aws_cloudwatch_inbound_integration",
    "nagios": "nagios_inbound_integration",
    "pingdom": "pingdom_inbound_integration",
}
_TYPE_OF_OTHERS: Final = "event_transformer_api_inbound_integration"


def vendor_of(manifest: Manifest) -> Vendor:
    """Return the vendor that a manifest describes."""
    return Vendor(
        manifest.vendor_id,
        manifest.name,
        manifest.website,
        manifest.description,
        _TYPE_OF_TOOL.get(manifest.id, _TYPE_OF_OTHERS),
        manifest.category,
        manifest.origin,
    )


def vendors_of(manifests: Iterable[Manifest]) -> tuple[Vendor, ...]:
    """Return all vendors by name: those of the manifests and those that speak the Events API."""
    return tuple(sorted((*EVENTS_API, *map(vendor_of, manifests)), key=lambda vendor: vendor.name.lower()))
