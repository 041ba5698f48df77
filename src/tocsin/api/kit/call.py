"""A call: one request as an operation reads it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from typing import TypeVar

from tocsin.api.kit.body import decoded
from tocsin.api.kit.house import House
from tocsin.api.kit.instants import parse_instant, show_instant
from tocsin.api.kit.links import Links
from tocsin.api.kit.zones import zone_named
from tocsin.domain.people.actor import Actor
from tocsin.ground.errors import Refused, Why
from tocsin.ground.limits import DEEPEST_PAGE, DEFAULT_PAGE, MOST_PAGE
from tocsin.ground.page import Stretch
from tocsin.store.turn import Store

Model = TypeVar("Model")

_TRUE = frozenset({"1", "on", "t", "true", "yes"})
_LONGEST_NUMBER = 9  # digits; more cannot be a limit or an offset


@dataclass(frozen=True, slots=True)
class Call:
    """Who calls, what the path and the query say, and the body decoded on demand."""

    house: House
    actor: Actor
    path: Mapping[str, str]
    query: Mapping[str, list[str]]
    headers: Mapping[str, str]
    raw: bytes
    links: Links

    @property
    def store(self) -> Store:
        """The database."""
        return self.house.store

    def many(self, name: str) -> list[str]:
        """Return the values of `name[]` (or of `name`), in order; an empty list when it is absent."""
        return [value for key in (f"{name}[]", name) for value in self.query.get(key, ()) if value]

    def text(self, name: str) -> str | None:
        """Return the last value of `name`, or None when it is absent or empty."""
        values = [value for value in self.query.get(name, ()) if value]
        return values[-1] if values else None

    def flag(self, name: str) -> bool:
        """Return whether `name` is set to something true."""
        return (self.text(name) or "").lower() in _TRUE

    def number(self, name: str, default: int) -> int:
        """Return `name` as a whole number of zero or more; raise `Refused` (invalid) when it is not one."""
        text = self.text(name)
        if text is None:
            return default
        if not (text.isascii() and text.isdigit() and len(text) <= _LONGEST_NUMBER):
            raise Refused(Why.INVALID, f"{name} is not a whole number of zero or more.")
        return int(text)

    def stretch(self, *, default: int = DEFAULT_PAGE, most: int = MOST_PAGE) -> Stretch:
        """Return which rows of a list are wanted.

        A `limit` above the largest is lowered to it, and the answer says so; `offset + limit` beyond 10,000 is
        refused, because a client that goes so deep wants a filter.
        """
        limit, offset = min(self.number("limit", default), most), self.number("offset", 0)
        if limit == 0:
            raise Refused(Why.INVALID, "limit is at least 1.")
        if limit + offset > DEEPEST_PAGE:
            raise Refused(Why.INVALID, f"offset + limit is at most {DEEPEST_PAGE}: narrow the list by a filter.")
        return Stretch(limit, offset, self.flag("total"))

    def includes(self, known: frozenset[str] | set[str]) -> frozenset[str]:
        """Return what `include[]` asks to expand; raise `Refused` (invalid) for what cannot be."""
        wanted = frozenset(self.many("include"))
        if unknown := wanted - known:
            raise Refused(Why.INVALID, f"include[] does not know {', '.join(sorted(unknown))} here.")
        return wanted

    def time_zone(self) -> tzinfo:
        """Return the zone of `time_zone`, in which instants are answered; UTC when it is absent."""
        name = self.text("time_zone")
        return UTC if name is None else zone_named(name)

    def instant(self, name: str) -> datetime | None:
        """Return the instant in `name`, or None when it is absent; raise `Refused` (bad date) when unreadable."""
        text = self.text(name)
        return None if text is None else parse_instant(text, self.time_zone(), name=name)

    def at(self, instant: datetime) -> str:
        """Return the instant as this call's client wants to read it."""
        return show_instant(instant, self.time_zone())

    def body(self, model: type[Model], *, wrap: str | None = None) -> Model:
        """Return the JSON body as this Struct; `wrap` is the key under which clients put it.

        Unknown fields are ignored, as PagerDuty does, so a model names no field that a caller must not set.
        Raises `Refused` (invalid or missing) with the path of what is wrong.
        """
        return decoded(self.raw, model, wrap=wrap)
