"""Events on the wire: what a tool sent, as alerts and log entries show it."""

import msgspec

from tocsin.api.kit import Shown
from tocsin.domain.events.event import Event

_EVENT = msgspec.json.Decoder(Event)


def event_in(text: str | bytes | None) -> Event | None:
    """Return the event that was kept as this JSON, or None when there is none that can be read."""
    try:
        return _EVENT.decode(text) if text else None
    except msgspec.MsgspecError:
        return None


def contexts_of(event: Event | None) -> list[Shown]:
    """Return the links and images of an event."""
    if event is None:
        return []
    links: list[Shown] = [{"type": "link", "href": link.href, "text": link.text} for link in event.links]
    images: list[Shown] = [
        {"type": "image", "src": image.src, "href": image.href, "alt": image.alt} for image in event.images
    ]
    return links + images


def cef_details(event: Event) -> Shown:
    """Return an event in the common event format that PagerDuty's clients read."""
    return {
        "contexts": contexts_of(event),
        "dedup_key": event.dedup_key,
        "description": event.summary,
        "details": event.details,
        "event_class": event.class_name,
        "message": event.summary,
        "severity": event.severity,
        "service_group": event.group,
        "source_component": event.component,
        "source_origin": event.source,
        "creation_time": event.timestamp,
        "client": event.client,
        "client_url": event.client_url,
    }
