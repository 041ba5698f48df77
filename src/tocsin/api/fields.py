"""Fields: reading one field of a client's JSON, so that a wrong type costs a page only where nothing can be saved."""

from collections.abc import Mapping
from typing import TypeGuard

import msgspec

from tocsin.domain.events import Action, Image, Json, Link
from tocsin.ground.limits import LONGEST_SUMMARY
from tocsin.ground.text import trim

LONGEST_SIDE_TEXT = 4096  # characters of component, group, class, client …: longer ones are cut
MOST_LINKS = 100  # links, and as many images; more are dropped

ACTIONS = "(must be one of the following: 'trigger', 'acknowledge' or 'resolve')"

Fields = Mapping[str, Json]


def is_object(value: Json) -> TypeGuard[Fields]:
    """Return whether the value is a JSON object."""
    return isinstance(value, dict)


def is_blank(value: Json) -> bool:
    """Return whether the value is absent, null, or nothing but spaces."""
    return value is None or (isinstance(value, str) and not value.strip())


def side_text(value: Json) -> str | None:
    """Return an optional field as text, whatever its type: numbers and objects as their JSON, empty as None."""
    if value is None or value == "":
        return None
    text = value if isinstance(value, str) else msgspec.json.encode(value).decode()
    return trim(text, LONGEST_SIDE_TEXT)


def key_text(value: Json) -> str | None:
    """Return a dedup key as text; a number is meant as its digits, blank is None.

    Raises `TypeError` for what cannot be meant as a key.
    """
    if is_blank(value):
        return None
    if isinstance(value, str):
        return value
    if isinstance(value, int | float) and not isinstance(value, bool):
        return str(value)
    raise TypeError("not a key")


def required_text(fields: Fields, name: str, faults: list[str], *, path: str) -> str:
    """Return a required text cut to the length of a summary; what is wrong with it is added to `faults`."""
    value = fields.get(name)
    if is_blank(value):
        faults.append(f"'{path}' is missing or blank")
    elif isinstance(value, str):
        return trim(value, LONGEST_SUMMARY)
    else:
        faults.append(f"'{path}' is invalid (must be a string)")
    return ""


def action_of(value: Json, name: str, faults: list[str]) -> Action | None:
    """Return the action that a word orders, whatever its case; a fault is added for another word or none."""
    if is_blank(value):
        faults.append(f"'{name}' is missing or blank")
        return None
    try:
        return Action(str(value).strip().lower())
    except ValueError:
        faults.append(f"'{name}' is invalid {ACTIONS}")
        return None


def links_of(value: Json, faults: list[str]) -> tuple[Link, ...]:
    """Return the links of a list; an entry without address adds a fault, anything but a list is no links."""
    links = []
    for entry in _entries(value):
        if not is_object(entry) or is_blank(entry.get("href")):
            faults.append("'link href' is missing or blank")
        else:
            links.append(Link(side_text(entry.get("href")) or "", side_text(entry.get("text"))))
    return tuple(links)


def images_of(value: Json, faults: list[str]) -> tuple[Image, ...]:
    """Return the images of a list; an entry without source adds a fault, anything but a list is no images."""
    images = []
    for entry in _entries(value):
        if not is_object(entry) or is_blank(entry.get("src")):
            faults.append("'image src' is missing or blank")
        else:
            images.append(
                Image(side_text(entry.get("src")) or "", side_text(entry.get("href")), side_text(entry.get("alt")))
            )
    return tuple(images)


def _entries(value: Json) -> list[Json]:
    return value[:MOST_LINKS] if isinstance(value, list) else []
