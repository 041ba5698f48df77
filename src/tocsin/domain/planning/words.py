"""Words: the story of an incident in sentences, each of which answers why."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta

from msgspec import Struct

from tocsin.domain.paging.wording import moment as at_on_the_wall
from tocsin.domain.paging.wording import plain_text
from tocsin.domain.planning.reason import Because
from tocsin.domain.planning.simulation import SOMEBODY, End
from tocsin.domain.planning.story import Called, Moment, Said

_A_MINUTE = 60  # seconds


class Cast(Struct, frozen=True, kw_only=True):
    """Everybody by id: their names, and the zones of their clocks; `zone` is where the reader's clock hangs."""

    names: Mapping[str, str]
    zones: Mapping[str, str] = {}
    zone: str = "UTC"

    def name(self, user_id: str) -> str:
        """Return a person's name."""
        return self.names.get(user_id, "a deleted user")

    def several(self, user_ids: Sequence[str]) -> str:
        """Return names as they stand in a sentence."""
        names = [self.name(user_id) for user_id in user_ids]
        if not names:
            return "nobody"
        return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def offset(duration: timedelta) -> str:
    """Return how long after the beginning something is: `+4:05`, in minutes and seconds."""
    seconds = int(duration.total_seconds())
    return f"+{seconds // _A_MINUTE}:{seconds % _A_MINUTE:02d}"


def length(duration: timedelta) -> str:
    """Return a duration in words: `5 minutes`, `1 hour 30 minutes`, `20 seconds`."""
    seconds = int(duration.total_seconds())
    parts = [
        (seconds // 86400, "day"),
        (seconds // 3600 % 24, "hour"),
        (seconds // _A_MINUTE % _A_MINUTE, "minute"),
        (seconds % _A_MINUTE, "second"),
    ]
    said = [f"{count} {unit}{'' if count == 1 else 's'}" for count, unit in parts if count]
    return " ".join(said[:2]) or "0 seconds"


def reason(because: Because, cast: Cast, *, zone: str | None = None) -> str:
    """Return a reason as a chain: `level 1 of Night → schedule Platform → layer Weekly, until Mon …`."""
    if because.kind == "fallback":
        return f"{because.policy} had nobody left to call → {because.fallback}"
    where = f"level {because.level} of {because.policy}" if because.level else because.policy
    if because.kind == "user":
        return f"{where} → named there"
    if because.kind == "assigned":
        return f"{where} → called before" if where else "it was assigned directly"
    return " → ".join((where, _schedule(because), _source(because, cast))) + _edges(because, zone or cast.zone)


def _schedule(because: Because) -> str:
    version = f" (version {because.version})" if because.version is not None else ""
    return f"schedule {because.schedule}{version}"


def _source(because: Because, cast: Cast) -> str:
    if because.source == "override":
        instead = f" in place of {cast.several(because.instead_of)}" if because.instead_of else ""
        return f"override{instead}"
    if because.source == "custom_shift":
        return "custom shift"
    name = because.layer or "layer"
    return name if name.lower().startswith("layer") else f"layer {name}"


def _edges(because: Because, zone: str) -> str:
    """Return the edges of the shift, on a clock in this zone."""
    if because.since is None or because.until is None:
        return ""
    return f", from {at_on_the_wall(because.since, zone)} until {at_on_the_wall(because.until, zone)}"


def said_of_call(call: Called, cast: Cast) -> str:
    """Return the sentence of one call of people."""
    people = cast.several(call.user_ids)
    if call.kind == "again":
        return f"{_CAUSES.get(call.cause, '')}{people} {_verb(call.user_ids)} called again."
    if call.kind == "fallback":
        return f"The policy has nobody left to call, so a last resort is called: {call.fallback} ({people})."
    if call.kind == "assigned":
        return f"It is given to {people} directly."
    again = f" (repeat {call.repeat})" if call.repeat else ""
    said = f"{_CAUSES.get(call.cause, '')}level {call.level}{again} calls {people}"
    first = _first_reasons(call, cast)
    return f"{said[0].upper()}{said[1:]}{f': {first}' if first else ''}."


_CAUSES = {
    "timeout": "The acknowledgement has timed out: ",
    "snooze ended": "The snooze is over: ",
    "urgency raised": "The urgency was raised: ",
    "reopened": "It was reopened: ",
}


def _verb(user_ids: Sequence[str]) -> str:
    return "is" if len(user_ids) == 1 else "are"


def _first_reasons(call: Called, cast: Cast) -> str:
    """Return the reason of each person; one that all share is said once."""
    chains = {
        user_id: reason(call.because[user_id][0], cast, zone=cast.zones.get(user_id)).partition(" → ")[2]
        for user_id in call.user_ids
        if call.because.get(user_id)
    }
    if len(set(chains.values())) == 1:
        return next(iter(chains.values()))
    return "; ".join(f"{cast.name(user_id)} by {chain}" for user_id, chain in chains.items())


class Line(Struct, frozen=True, order=True):
    """One sentence of a story, and its place in it."""

    at: datetime
    order: int
    text: str


def lines(moments: Sequence[Moment], calls: Sequence[Called | None], cast: Cast) -> Iterator[Line]:
    """Yield the sentences of a story, in order; `calls` holds the call of each moment."""
    for moment, call in zip(moments, calls, strict=True):
        for said in moment.said:
            if said.kind in _TOLD and (text := _TOLD[said.kind](said, cast)):
                yield Line(moment.at, moment.order, text)
        if call is not None:
            yield Line(moment.at, moment.order, said_of_call(call, cast))


def ending(end: End, cast: Cast, horizon: timedelta) -> str:
    """Return the sentence that says where a simulation ends."""
    people = cast.several(end.assignees)
    if end.kind == "acknowledged":
        return f"Here it ends: {people} {_have(end.assignees)} it, and nobody else is called."
    if end.kind == "exhausted":
        return f"Here it ends: triggered, with {people}, and nothing more is due."
    if end.kind == "nobody":
        return "Here it ends: triggered, with nobody."
    if end.kind == "begins_anew":
        return "It would go on like this until somebody can be reached."
    if end.kind == "resolved":
        return "Here it ends: resolved."
    return f"The simulation looks no further than {length(horizon)}; something is still due then."


def _have(user_ids: Sequence[str]) -> str:
    return "has" if len(user_ids) == 1 else "have"


def _triggered(said: Said, _cast: Cast) -> str:
    event = said.body.get("event")
    if said.agent_id == SOMEBODY.id:
        return ""
    if said.body.get("reopened"):
        return f"{said.agent} reopens it."
    if not isinstance(event, dict):
        return f"{said.agent} opens it by hand."
    return (
        f"{said.agent} reports: {plain_text(str(event.get('summary', '')))} ({event.get('severity', 'no severity')})."
    )


def _escalated(said: Said, _cast: Cast) -> str:
    if said.body.get("nobody_on_call"):
        return f"Level {said.body.get('level')} has nobody who can be called, and is passed over."
    if said.body.get("repaired"):
        return f"The auditor found it with nothing due ({said.body['repaired']}) and calls again."
    return ""


def _repeated(said: Said, _cast: Cast) -> str:
    if said.body.get("nobody_reached"):
        return "Nobody could be reached by the whole policy; in 5 minutes it begins anew."
    return f"The policy begins again: repeat {said.body.get('repeat')}."


def _exhausted(said: Said, cast: Cast) -> str:
    user_ids = tuple(said.body.get("user_ids", ()))
    if not user_ids:
        return "The policy is spent and there is nobody to call: the incident is nobody's."
    return f"The policy is spent: it stays with {cast.several(user_ids)}, and nobody else is called."


def _unreached(said: Said, cast: Cast) -> str:
    if not said.body.get("failed"):
        return ""
    return f"No page reached {cast.several(tuple(said.body.get('user_ids', ())))}: {said.body.get('why')}."


def _urgency(said: Said, _cast: Cast) -> str:
    return f"{said.agent} raises the urgency to {said.body.get('after')}."


def _resolved(said: Said, _cast: Cast) -> str:
    return f"{said.agent} resolves it."


_TOLD: dict[str, Callable[[Said, Cast], str]] = {
    "trigger": _triggered,
    "escalate": _escalated,
    "repeat_escalation_path": _repeated,
    "exhaust_escalation_path": _exhausted,
    "notify": _unreached,
    "urgency_change": _urgency,
    "acknowledge": lambda said, _cast: f"{said.agent} acknowledges it.",
    "unacknowledge": lambda _said, _cast: "",
    "snooze": lambda said, _cast: f"{said.agent} snoozes it.",
    "resolve": _resolved,
}
