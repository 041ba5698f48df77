"""Warnings at save: what a schedule that was just written leaves open, told beside the answer."""

import asyncio
import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from tocsin.api.kit import show_instant
from tocsin.api.kit.zones import zone_stored
from tocsin.api.rest.schedules.shape import members_in_order
from tocsin.domain.oncall.schedule import Gap
from tocsin.ground.errors import StoreUnavailable
from tocsin.store.directory import PEOPLE_BY_ID, PersonRow
from tocsin.store.schedules.rows import Kept
from tocsin.store.turn import Store, Turn

HEADER = "tocsin-warnings"
AHEAD = timedelta(days=14)  # how far is looked: two turns of a weekly rotation
MOST_SHOWN = 10  # sentences of one answer, and gaps named in one of them: the rest is counted
_GONE = "was deleted and is passed over"
_SILENT = "has no contact method that works"
_WITHOUT_RULE = "has no notification rule for one of the urgencies, so every contact method is tried at once then"
_URGENCIES = frozenset({"high", "low"})
LONGEST_HEADER = 6_000  # characters; clients and proxies refuse headers above 8,192 bytes


async def schedule_warnings(store: Store, kept: Kept) -> tuple[str, ...]:
    """Return a sentence for each thing that is wrong with a schedule that was written; none where all is well.

    It is looked for after the commit, where nobody waits for it; without the database there are none.
    """
    ids = list(members_in_order(kept.schedule))

    async def job(turn: Turn) -> tuple[dict[str, PersonRow], datetime]:
        people = await turn.rows(PEOPLE_BY_ID, {"ids": ids})
        return {person.id: person for person in people}, turn.now

    try:
        people, now = await store.read(job)
    except StoreUnavailable:
        return ()
    return (*await asyncio.to_thread(_of_gaps, kept, now), *_of_people(kept, ids, people))


async def people_warnings(turn: Turn, user_ids: Iterable[str | None]) -> tuple[str, ...]:
    """Return a sentence for each of these people whom no page would reach, in this order."""
    ids = [user_id for user_id in dict.fromkeys(user_ids) if user_id is not None]
    people = {person.id: person for person in await turn.rows(PEOPLE_BY_ID, {"ids": ids})} if ids else {}
    silent = [people[user_id].name for user_id in ids if user_id in people and not people[user_id].methods]
    return tuple(f"{name} has no contact method that works." for name in silent)


def warned(headers: Mapping[str, str], sentences: Iterable[str]) -> dict[str, str]:
    """Return headers that carry these sentences too, as a JSON list in ASCII: bodies have room for one key only."""
    shown = list(sentences)[:MOST_SHOWN]
    while shown and len(json.dumps(shown)) > LONGEST_HEADER:
        shown.pop()
    return {**headers, HEADER: json.dumps(shown)} if shown else dict(headers)


def _of_gaps(kept: Kept, now: datetime) -> tuple[str, ...]:
    since = now.replace(microsecond=0)
    gaps = [gap for gap in kept.timeline().gaps(since, since + AHEAD) if not gap.intended]
    if not gaps:
        return ()
    if len(gaps) == 1 and gaps[0].end - gaps[0].start == AHEAD:
        return (f"Nobody is on call in the next {AHEAD.days} days.",)
    hours = sum((gap.end - gap.start for gap in gaps), timedelta()) / timedelta(hours=1)
    first = _stretch(gaps[0], zone_stored(kept.schedule.time_zone))
    more = f", and in {len(gaps) - 1} more stretches" if len(gaps) > 1 else ""
    return (f"Nobody is on call {first}{more}: {hours:.1f} of the next {AHEAD.days * 24} hours.",)


def _of_people(kept: Kept, ids: Sequence[str], people: Mapping[str, PersonRow]) -> tuple[str, ...]:
    names = {user.id: user.name for user in kept.users}
    found: dict[str, list[str]] = {_GONE: [], _SILENT: [], _WITHOUT_RULE: []}
    for user_id in ids:
        person = people.get(user_id)
        if person is None:
            found[_GONE].append(names.get(user_id, user_id))
        elif not person.methods:
            found[_SILENT].append(person.name)
        elif not {rule["urgency"] for rule in person.rules} >= _URGENCIES:
            found[_WITHOUT_RULE].append(person.name)
    return tuple(f"{name} {fault}." for fault, group in found.items() for name in group)


def _stretch(gap: Gap, zone: ZoneInfo) -> str:
    return f"from {show_instant(gap.start, zone)} to {show_instant(gap.end, zone)}"
