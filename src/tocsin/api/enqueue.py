"""Enqueue: the dialect of the Events API v2, for events and for changes.

An ordinary event is decoded and checked in one pass by a typed decoder. Whatever that refuses is read again field
by field, which decides what is wrong, says all of it at once, and saves what can be saved: optional fields of a wrong
type become text, a summary that is too long is cut, broken links of an acknowledge or resolve are dropped.
"""

from typing import Annotated

import msgspec
from msgspec import Meta, Struct, field

from tocsin.api.fields import (
    LONGEST_SIDE_TEXT,
    Fields,
    action_of,
    images_of,
    is_blank,
    is_object,
    key_text,
    links_of,
    required_text,
    side_text,
)
from tocsin.domain.events import Action, Change, Event, Json, Severity, deeper_than, severity_of
from tocsin.domain.events.json_text import decode
from tocsin.ground.errors import Refused, Why
from tocsin.ground.ids import new_dedup_key
from tocsin.ground.limits import DEEPEST_EVENT, LONGEST_DEDUP_KEY, LONGEST_SUMMARY

KEY_LENGTH = 32  # characters of a routing key

INVALID = "Event object is invalid"
UNRECOGNIZED = "Event object format is unrecognized"
_SEVERITIES = "(must be one of the following: 'critical', 'warning', 'error' or 'info')"


class Read(Struct, frozen=True):
    """What a body said: the routing key, what happened, and the dedup key that the sender hears."""

    key: str
    said: Event | Change
    dedup_key: str


_Told = Annotated[str, Meta(min_length=1, max_length=LONGEST_SUMMARY)]
_Side = Annotated[str, Meta(max_length=LONGEST_SIDE_TEXT)] | None
_NoList = Annotated[list[Json], Meta(max_length=0)] | None  # an event that has links is read field by field


class _Payload(Struct):
    summary: _Told
    source: _Told
    severity: Severity
    timestamp: _Side = None
    component: _Side = None
    group: _Side = None
    class_name: _Side = field(name="class", default=None)
    custom_details: Json = None


class _Plain(Struct):
    """An event as well-behaved senders write it."""

    event_action: Action
    payload: _Payload
    routing_key: Annotated[str, Meta(min_length=KEY_LENGTH, max_length=KEY_LENGTH)] = ""
    dedup_key: Annotated[str, Meta(min_length=1, max_length=LONGEST_DEDUP_KEY)] | None = None
    client: _Side = None
    client_url: _Side = None
    links: _NoList = None
    images: _NoList = None


_PLAIN = msgspec.json.Decoder(_Plain)


def read_event(body: bytes, header_key: str | None) -> Read:
    """Return the event that this body says. `header_key`, when the request brought one, is the routing key.

    Raises `Refused` (invalid) with every fault, and `NotJson` when there is nothing to read.
    """
    return _plain(body, header_key) or _careful(body, header_key)


def _plain(body: bytes, header_key: str | None) -> Read | None:
    """Return the event if nothing about it needs a second look."""
    if b"\\u0000" in body or deeper_than(body, DEEPEST_EVENT):
        return None
    try:
        plain = _PLAIN.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    key = header_key or plain.routing_key
    payload = plain.payload
    dedup_key = plain.dedup_key
    if dedup_key is None and plain.event_action is Action.TRIGGER:
        dedup_key = new_dedup_key()
    if not (dedup_key and _is_key(key)) or dedup_key.isspace() or payload.summary.isspace() or payload.source.isspace():
        return None
    event = Event(
        action=plain.event_action,
        dedup_key=dedup_key,
        summary=payload.summary,
        source=payload.source,
        severity=payload.severity,
        component=payload.component or None,
        group=payload.group or None,
        class_name=payload.class_name or None,
        timestamp=payload.timestamp or None,
        details=payload.custom_details,
        client=plain.client or None,
        client_url=plain.client_url or None,
    )
    return Read(key, event, dedup_key)


def _is_key(key: str) -> bool:
    return len(key) == KEY_LENGTH and key.isascii() and key.isalnum()


def _careful(body: bytes, header_key: str | None) -> Read:
    faults: list[str] = []
    fields = object_of(body)
    key = _routing_key(header_key or fields.get("routing_key"), faults)
    action = action_of(fields.get("event_action"), "event_action", faults)
    dedup_key = _dedup_key(fields.get("dedup_key"), action, faults)
    event = _event(fields, action, faults)
    if faults or action is None:
        raise Refused(Why.INVALID, INVALID, tuple(dict.fromkeys(faults)))
    return Read(key, msgspec.structs.replace(event, dedup_key=dedup_key), dedup_key)


def object_of(body: bytes) -> Fields:
    """Return the JSON object of a body; raise `NotJson`, or `Refused` (invalid) when it is another JSON value."""
    value = decode(body)
    if not is_object(value):
        raise Refused(Why.INVALID, UNRECOGNIZED, ("Event must be a JSON object",))
    return value


def _routing_key(value: Json, faults: list[str]) -> str:
    if is_blank(value):
        faults.append("'routing_key' is missing or blank")
        return ""
    if not isinstance(value, str):
        faults.append("'routing_key' is invalid (must be a string)")
        return ""
    if len(value) != KEY_LENGTH:
        faults.append(f"Length of 'routing_key' is incorrect (should be {KEY_LENGTH} characters)")
    if not (value.isascii() and value.isalnum()):
        faults.append("'routing_key' cannot contain non-alphanumeric characters.")
    return value


def _dedup_key(value: Json, action: Action | None, faults: list[str]) -> str:
    try:
        key = key_text(value)
    except TypeError:
        faults.append("'dedup_key' is invalid (must be a string)")
        return ""
    if key is None:
        if action in {Action.ACKNOWLEDGE, Action.RESOLVE}:
            faults.append("'dedup_key' is missing or blank")
        return new_dedup_key()
    if len(key) > LONGEST_DEDUP_KEY:
        faults.append(f"'dedup_key' is too long (maximum is {LONGEST_DEDUP_KEY} characters)")
    return key


def _event(fields: Fields, action: Action | None, faults: list[str]) -> Event:
    """Return the event without its dedup key. Only a trigger can be refused for what its payload lacks."""
    unsure = action is None and "payload" in fields
    told = faults if unsure or action is Action.TRIGGER else []
    payload = _payload(fields.get("payload"), told)
    return Event(
        action=action or Action.TRIGGER,
        dedup_key="",
        summary=required_text(payload, "summary", told, path="payload.summary") if payload else "",
        source=required_text(payload, "source", told, path="payload.source") if payload else "",
        severity=_severity(payload.get("severity"), told) if payload else Severity.CRITICAL,
        component=side_text(payload.get("component")),
        group=side_text(payload.get("group")),
        class_name=side_text(payload.get("class")),
        timestamp=side_text(payload.get("timestamp")),
        details=payload.get("custom_details"),
        client=side_text(fields.get("client")),
        client_url=side_text(fields.get("client_url")),
        links=links_of(fields.get("links"), told),
        images=images_of(fields.get("images"), told),
    )


def _payload(value: Json, faults: list[str]) -> Fields:
    """Return the payload; an empty one when there is none, with the fault that this is in a trigger."""
    if is_object(value) and value:
        return value
    empty = value is None or value in ("", {}, [])
    faults.append("'payload' is missing or blank" if empty else "'payload' is invalid (must be an object)")
    return {}


def _severity(value: Json, faults: list[str]) -> Severity:
    if is_blank(value):
        faults.append("'payload.severity' is missing or blank")
        return Severity.CRITICAL
    severity = severity_of(value) if isinstance(value, str) else None
    if severity is None:
        faults.append(f"'payload.severity' is invalid {_SEVERITIES}")
    return severity or Severity.CRITICAL


def read_change(body: bytes, header_key: str | None) -> Read:
    """Return the change that this body says; raises as `read_event` does."""
    faults: list[str] = []
    fields = object_of(body)
    key = _routing_key(header_key or fields.get("routing_key"), faults)
    payload = _payload(fields.get("payload"), faults)
    change = Change(
        summary=required_text(payload, "summary", faults, path="payload.summary") if payload else "",
        source=side_text(payload.get("source")),
        timestamp=side_text(payload.get("timestamp")),
        details=payload.get("custom_details"),
        links=links_of(fields.get("links"), faults),
        images=images_of(fields.get("images"), faults),
    )
    if faults:
        raise Refused(Why.INVALID, INVALID, tuple(dict.fromkeys(faults)))
    return Read(key, change, "")
