"""Outcome: what the expressions gave for one alert, judged and made into an event or a change."""

import hashlib

import msgspec
from msgspec import Struct

from tocsin.domain.events import Action, Change, Event, Image, Json, Link
from tocsin.domain.events.json_text import clean
from tocsin.domain.mapping.filters import words_of
from tocsin.domain.mapping.manifest import LinkPart, Manifest
from tocsin.domain.mapping.severities import Severities
from tocsin.domain.mapping.template import Said
from tocsin.domain.mapping.tree import plain
from tocsin.ground.errors import Refused, Why
from tocsin.ground.limits import LONGEST_DEDUP_KEY, LONGEST_EVENT, LONGEST_SUMMARY
from tocsin.ground.text import repair, trim

LONGEST_SIDE_TEXT = 4096  # characters of component, group, class and the like: longer ones are cut
REPORTED_SEVERITY = "reported_severity"  # the detail that keeps a severity which was not understood

_BETWEEN = "|"
_NUL = b"\\u0000"
_encode = msgspec.json.Encoder().encode


class Ignored(Struct, frozen=True):
    """An alert that calls nobody, and why."""

    why: str


Outcome = Event | Change | Ignored


class Judge:
    """Makes outcomes of what alerts of one tool say."""

    def __init__(self, manifest: Manifest) -> None:
        self._manifest = manifest
        self._severities = Severities(manifest.severity)

    def outcome(self, said: Said) -> Outcome:
        """Return the event, the change, or why it is neither.

        Raises `Refused` when the action is not one, nothing names the problem, or the details are too long.
        """
        if said.get("ignored"):
            return Ignored(_text(said["ignored"], LONGEST_SUMMARY))
        return self._change(said) if said.get("change") else self._event(said)

    def _event(self, said: Said) -> Event:
        part = self._manifest.event
        severity, known = self._severities.read(reported := words_of(said.get("severity")))
        return Event(
            action=_action(said.get("action")),
            dedup_key=dedup_key(said["dedup"]),
            summary=self._summary(said),
            source=_text(said.get("source"), LONGEST_SUMMARY) or self._manifest.name,
            severity=severity,
            component=_side(said.get("component")),
            group=_side(said.get("group")),
            class_name=_side(said.get("class")),
            timestamp=_side(said.get("time")),
            details=_details(said.get("details"), None if known else reported),
            client=_side(said.get("client")) or self._manifest.name,
            client_url=_address(said.get("client_url")),
            links=_links(part.links if part else (), said["links"]),
            images=tuple([
                Image(address, alt=image.alt)
                for image, value in zip(part.images if part else (), _items(said["images"]), strict=True)
                if (address := _address(value))
            ]),
        )  # fmt: skip

    def _change(self, said: Said) -> Change:
        part = self._manifest.change
        return Change(
            summary=self._summary(said),
            source=_side(said.get("source")) or self._manifest.name,
            timestamp=_side(said.get("time")),
            details=_details(said.get("details"), None),
            links=_links(part.links if part else (), said["links"]),
        )

    def _summary(self, said: Said) -> str:
        """Return the summary; an alert without words still has to call, so it is named after its tool."""
        return _text(said.get("summary"), LONGEST_SUMMARY) or f"Alert of {self._manifest.name}"


def dedup_key(parts: Json) -> str:
    """Return the key of a problem: its parts joined so that other parts never give the same text, hashed when long.

    A single part is the key itself, which people know from their tool. The form is for ever: a changed one would
    open every running problem again. Raises `Refused` when all parts are empty.
    """
    words = [repair(words_of(part)).strip() for part in _items(parts)]
    if not any(words):
        raise Refused(Why.INVALID, "Nothing in this alert names the problem, so that it could be recognised again.")
    if len(words) > 1:
        words = [word.replace("\\", "\\\\").replace(_BETWEEN, f"\\{_BETWEEN}") for word in words]
    key = _BETWEEN.join(words)
    return key if len(key) <= LONGEST_DEDUP_KEY else hashlib.sha256(key.encode()).hexdigest()


def _action(value: Json) -> Action:
    try:
        return Action(words_of(value).strip().lower())
    except ValueError:
        raise Refused(
            Why.INVALID,
            f"This alert asks for {words_of(value)[:100] or 'nothing'}: it can only trigger, acknowledge or resolve.",
        ) from None


def _details(value: Json, reported: str | None) -> Json:
    kept = {name: plain(item) for name, item in value.items() if not _empty(item)} if isinstance(value, dict) else {}
    if reported is not None:
        kept[REPORTED_SEVERITY] = reported
    if not kept:
        return None
    text = _encode(kept)
    if len(text) > LONGEST_EVENT:
        raise Refused(Why.TOO_LARGE, f"The details of this alert have more than {LONGEST_EVENT} bytes.")
    return clean(kept) if _NUL in text else kept


def _empty(value: Json) -> bool:
    return value is None or (not isinstance(value, bool | int | float) and not value)


def _links(parts: tuple[LinkPart, ...], values: Json) -> tuple[Link, ...]:
    return tuple([
        Link(address, part.text)
        for part, value in zip(parts, _items(values), strict=True)
        if (address := _address(value))
    ])  # fmt: skip


def _items(value: Json) -> list[Json]:
    return value if isinstance(value, list) else []


def _text(value: Json, longest: int) -> str:
    return trim(repair(words_of(value)).strip(), longest)


def _side(value: Json) -> str | None:
    return _text(value, LONGEST_SIDE_TEXT) or None


def _address(value: Json) -> str | None:
    """Return a web address, or None: another scheme than http could run something when it is clicked."""
    text = _text(value, LONGEST_SIDE_TEXT)
    return text if text.lower().startswith(("http://", "https://")) else None
