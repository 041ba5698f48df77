"""Planning as answered: calls, reasons and pages in the shape that simulations and explanations share."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from tocsin.api.kit import Call, Shown, show_instant
from tocsin.domain.planning.mask import masked
from tocsin.domain.planning.reason import Because
from tocsin.domain.planning.story import Called
from tocsin.domain.planning.words import Cast, Line, offset, reason, said_of_call
from tocsin.store.planning.scene import PersonShown

MOST_SENTENCES = 500  # of one answer; the data beside them is whole


class Company:
    """The people of one answer: how they are named, and what time it is for each of them."""

    def __init__(self, call: Call, people: Mapping[str, PersonShown], began_at: datetime) -> None:
        """Show these people to a caller; times count from `began_at`."""
        self._call = call
        self._people = people
        self._began_at = began_at
        self.cast = Cast(
            names={each.id: each.name for each in people.values()},
            zones={each.id: each.time_zone for each in people.values()},
        )

    def reference(self, user_id: str) -> Shown:
        """Return a reference to a person."""
        known = self._people.get(user_id)
        name = None if known is None else known.name
        return self._call.links.reference("user", user_id, name, deleted=known is None)

    def when(self, at: datetime, user_id: str | None = None) -> Shown:
        """Return an instant in UTC, in seconds after the beginning, and on the clock of a person."""
        shown: Shown = {"at": show_instant(at, UTC), "after_s": round((at - self._began_at).total_seconds(), 3)}
        if user_id is not None:
            shown |= self._on_the_wall(at, user_id)
        return shown

    def _on_the_wall(self, at: datetime, user_id: str) -> Shown:
        known = self._people.get(user_id)
        zone = known.time_zone if known is not None else "Etc/UTC"
        try:
            return {"time_zone": zone, "at_local": show_instant(at, ZoneInfo(zone))}
        except (KeyError, ValueError, OSError):  # a zone that this machine does not know
            return {"time_zone": "Etc/UTC", "at_local": show_instant(at, UTC)}

    def call(self, called: Called) -> Shown:
        """Return a call of people with the reasons for each of them."""
        return {
            **self.when(called.at),
            "kind": called.kind,
            "cause": called.cause,
            "level": called.level or None,
            "repeat": called.repeat,
            "round": called.round,
            "fallback": called.fallback,
            "users": [self._called(called, user_id) for user_id in called.user_ids],
            "sentence": said_of_call(called, self.cast),
        }

    def _called(self, called: Called, user_id: str) -> Shown:
        reasons = called.because.get(user_id, ())
        return {
            "user": self.reference(user_id),
            **self._on_the_wall(called.at, user_id),
            "reasons": [self._reason(because, user_id) for because in reasons],
        }

    def _reason(self, because: Because, user_id: str) -> Shown:
        links = self._call.links
        schedule = because.schedule_id
        return {
            "kind": because.kind,
            "policy": because.policy or None,
            "level": because.level or None,
            "fallback": because.fallback,
            "schedule": None if schedule is None else links.reference("schedule", schedule, because.schedule),
            "schedule_version": because.version,
            "source": because.source,
            "layer": None if because.layer_id is None else {"id": because.layer_id, "name": because.layer},
            "override_id": because.override_id,
            "custom_shift_id": because.custom_shift_id,
            "instead_of": [self.reference(each) for each in because.instead_of],
            "since": None if because.since is None else show_instant(because.since, UTC),
            "until": None if because.until is None else show_instant(because.until, UTC),
            "sentence": reason(because, self.cast, zone=self.cast.zones.get(user_id)),
        }

    def method(self, user_id: str, method_id: str) -> Shown:
        """Return a contact method as its owner recognises it, without giving the address away."""
        known = self._people.get(user_id)
        method = known.methods.get(method_id) if known is not None else None
        if method is None:
            return {"id": method_id, "label": None, "address": None}
        return {"id": method.id, "label": method.label, "address": masked(method.channel, method.address)}

    def by_way_of(self, user_id: str, method_id: str, channel: str) -> str:
        """Return a contact method in words: `email (Work, a•••@example.org)`."""
        shown = self.method(user_id, method_id)
        if shown["label"] is None:
            return f"{channel} (since removed)"
        return f"{channel} ({shown['label']}, {shown['address']})"

    def sentences(self, lines: Iterable[Line]) -> list[str]:
        """Return sentences in order, each with how long after the beginning it is."""
        told = [f"{offset(max(line.at - self._began_at, timedelta()))} {line.text}" for line in in_order(lines)]
        if len(told) <= MOST_SENTENCES:
            return told
        return [*told[:MOST_SENTENCES], f"There are {len(told) - MOST_SENTENCES} more sentences."]


def in_order(lines: Iterable[Line]) -> Sequence[Line]:
    """Return lines by their place; those of one place stay as they came."""
    return sorted(lines, key=lambda line: (line.at, line.order))
