"""Create event: the dialect of the Events API v1, which old senders still speak.

Its words differ from v2 (`service_key`, `event_type`, `incident_key`, `description`, `details`, `contexts`), and so do
the sentences with which it refuses. It knows no severity: every event is critical.
"""

from tocsin.api.enqueue import INVALID, KEY_LENGTH, Read, object_of
from tocsin.api.fields import Fields, action_of, images_of, is_blank, is_object, key_text, links_of, side_text
from tocsin.domain.events import Action, Event, Json
from tocsin.ground.errors import Refused, Why
from tocsin.ground.ids import new_dedup_key
from tocsin.ground.limits import LONGEST_DEDUP_KEY, LONGEST_SUMMARY
from tocsin.ground.text import trim


def read_v1_event(body: bytes, header_key: str | None) -> Read:
    """Return the event that this body says. `header_key`, when the request brought one, is the routing key.

    Raises `Refused` (invalid) with every fault, and `NotJson` when there is nothing to read.
    """
    faults: list[str] = []
    fields = object_of(body)
    action = action_of(fields.get("event_type"), "event_type", faults)
    key = _service_key(header_key or fields.get("service_key"), faults)
    dedup_key = _incident_key(fields.get("incident_key"), action, faults)
    told = faults if action is Action.TRIGGER else []
    summary = _description(fields.get("description"), told)
    contexts = fields.get("contexts")
    links = links_of(_of_type(contexts, "link"), told)
    images = images_of(_of_type(contexts, "image"), told)
    if faults or action is None:
        raise Refused(Why.INVALID, INVALID, tuple(dict.fromkeys(faults)))
    event = Event(
        action=action,
        dedup_key=dedup_key,
        summary=summary,
        source=_source(fields),
        details=fields.get("details"),
        client=side_text(fields.get("client")),
        client_url=side_text(fields.get("client_url")),
        links=links,
        images=images,
        channel="events_v1",
    )
    return Read(key, event, dedup_key)


def _service_key(value: Json, faults: list[str]) -> str:
    if is_blank(value):
        faults.append("Service key can't be blank")
        return ""
    if not isinstance(value, str) or len(value) != KEY_LENGTH:
        faults.append(f"Service key is the wrong length (should be {KEY_LENGTH} characters)")
        return ""
    return value


def _incident_key(value: Json, action: Action | None, faults: list[str]) -> str:
    try:
        key = key_text(value)
    except TypeError:
        faults.append("Incident key is invalid (must be a string)")
        return ""
    if key is None:
        if action in {Action.ACKNOWLEDGE, Action.RESOLVE}:
            faults.append("Incident key can't be blank")
        return new_dedup_key()
    if len(key) > LONGEST_DEDUP_KEY:
        faults.append(f"Incident key is too long (maximum is {LONGEST_DEDUP_KEY} characters)")
    return key


def _description(value: Json, faults: list[str]) -> str:
    if is_blank(value):
        faults.append("Description can't be blank")
    elif isinstance(value, str):
        return trim(value, LONGEST_SUMMARY)
    else:
        faults.append("Description is invalid (must be a string)")
    return ""


def _source(fields: Fields) -> str:
    """Return where the problem is; v1 has no such field, but most senders name the host in their details."""
    details = fields.get("details")
    host = details.get("hostname") or details.get("HOSTNAME") if is_object(details) else None
    return side_text(host) or side_text(fields.get("client")) or ""


def _of_type(contexts: Json, kind: str) -> list[Json]:
    entries = contexts if isinstance(contexts, list) else []
    return [entry for entry in entries if is_object(entry) and entry.get("type") == kind]
