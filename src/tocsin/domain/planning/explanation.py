"""Explanation: why a person was paged, as a chain from the event to the receipt of the provider."""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

from msgspec import Struct

from tocsin.domain.paging.wording import moment as at_on_the_wall
from tocsin.domain.paging.wording import plain_text
from tocsin.domain.planning.story import Called
from tocsin.domain.planning.words import Cast, length, reason

DEFAULT_RULE = "default"  # the rule of a person who has none for an urgency


class Origin(Struct, frozen=True, kw_only=True):
    """Where an incident came from: the first alert, or a person; and on which service, how urgent, and why."""

    number: int
    title: str
    service: str
    created_at: datetime
    urgency: str
    urgency_why: str | None
    integration: str | None = None
    dedup_key: str | None = None
    severity: str | None = None
    reporter: str | None = None


class Handing(Struct, frozen=True):
    """One handing of a page to a provider, and its receipt."""

    provider: str
    started_at: datetime
    ended_at: datetime
    receipt: str
    detail: str = ""


class Paged(Struct, frozen=True, kw_only=True):
    """A page of a real incident: when it was written and due, how, and what became of it.

    `waits_for` is the delay of the rule as it is today, None when the rule is gone.
    """

    id: int
    user_id: str
    contact_method_id: str
    channel: str
    rule_id: str
    waits_for: timedelta | None
    round: int
    urgency: str
    created_at: datetime
    due_at: datetime
    state: str
    handed_at: datetime | None = None
    ended_why: str | None = None
    handings: tuple[Handing, ...] = ()


def why_paged(page: Paged, origin: Origin, calls: Sequence[Called], *, cast: Cast, way: str) -> tuple[str, ...]:
    """Return the chain that led to a page, cause before effect; `way` names the contact method."""
    zone = cast.zones.get(page.user_id, cast.zone)
    call = next((each for each in calls if each.round == page.round and page.user_id in each.user_ids), None)
    return (
        _reported(origin),
        _opened(origin, zone),
        *_called(page, call, calls, cast),
        _by_rule(page, way),
        *became_of(page, zone),
    )


def _reported(origin: Origin) -> str:
    title = plain_text(origin.title)
    if origin.integration is None:
        return f"{origin.reporter or 'Somebody'} reported: {title}."
    return f"{origin.integration} reported: {title} (severity {origin.severity}, dedup key {origin.dedup_key})."


def _opened(origin: Origin, zone: str) -> str:
    why = f", {origin.urgency_why}" if origin.urgency_why else ""
    when = at_on_the_wall(origin.created_at, zone)
    return f"It opened incident #{origin.number} on {origin.service}, {when}; urgency {origin.urgency}{why}."


def _called(page: Paged, call: Called | None, calls: Sequence[Called], cast: Cast) -> Iterator[str]:
    """Tell by which call of people the page was written, and why this person was among them."""
    zone, name = cast.zones.get(page.user_id, cast.zone), cast.name(page.user_id)
    when = at_on_the_wall(page.created_at, zone)
    if call is None:
        yield f"{name} had the incident, {when}."
        return
    if call.kind == "level":
        again = f", repeat {call.repeat}" if call.repeat else ""
        after = _after(call, calls)
        yield f"Policy {call.policy}, as it was frozen then, called level {call.level}{again}, {when}{after}."
    elif call.kind == "fallback":
        yield f"Policy {call.policy} had nobody left to call, so a last resort was called, {when}: {call.fallback}."
    elif call.kind == "again":
        yield f"{name} was called again, {when}: {_AGAIN.get(call.cause, 'somebody asked for it')}."
    else:
        yield f"The incident was given to {name} directly, {when}."
    for because in call.because.get(page.user_id, ()):
        if because.kind in ("schedule", "user"):
            yield f"{name}: {reason(because, cast, zone=zone)}."


_AGAIN = {
    "timeout": "the acknowledgement had timed out",
    "snooze ended": "the snooze was over",
    "urgency raised": "the urgency was raised",
    "reopened": "it was reopened",
}


def _after(call: Called, calls: Sequence[Called]) -> str:
    """Say after whom a level was called, and how long they had had."""
    earlier = [each for each in calls if each.at < call.at]
    if call.cause != "escalated" or not earlier:
        return ""
    return f", {length(call.at - earlier[-1].at)} after the call before"


def _by_rule(page: Paged, way: str) -> str:
    if page.rule_id == DEFAULT_RULE:
        return (
            f"No notification rule is set for {page.urgency} urgency, so every contact method is used at once: {way}."
        )
    if page.waits_for is None:
        return f"A notification rule that is gone since: {way}."
    wait = f"after {length(page.waits_for)}" if page.waits_for else "at once"
    return f"Notification rule for {page.urgency} urgency: {wait} by {way}."


def became_of(page: Paged, zone: str) -> Iterator[str]:
    """Tell what became of a page, handing by handing, on a clock in this zone."""
    for handing in page.handings:
        detail = f" ({plain_text(handing.detail)})" if handing.detail else ""
        yield f"{handing.provider}: {handing.receipt}{detail}, {at_on_the_wall(handing.ended_at, zone)}."
    if page.state == "cancelled":
        yield f"It was called off before it left: {page.ended_why or 'no reason kept'}."
    elif page.state in ("pending", "leased"):
        yield f"It is due {at_on_the_wall(page.due_at, zone)}."
    elif not page.handings:
        yield f"It ended as {page.state}{f': {page.ended_why}' if page.ended_why else ''}."
