"""Warnings at save: what a schedule that was just written leaves open, told beside the answer."""

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from tocsin.api.kit import show_instant
from tocsin.api.rest.schedules.shape import members_in_order
from tocsin.domain.oncall.schedule import Gap
from tocsin.domain.oncall.timeline import Timeline
from tocsin.store.directory import PEOPLE_BY_ID
from tocsin.store.schedules.rows import Kept
from tocsin.store.turn import Turn

HEADER = "tocsin-warnings"
AHEAD = timedelta(days=14)  # how far is looked: two turns of a weekly rotation
MOST_SHOWN = 10  # sentences of one answer, and gaps named in one of them: the rest is counted
LONGEST_HEADER = 6_000  # characters; clients and proxies refuse headers above 8,192 bytes


async def schedule_warnings(turn: Turn, kept: Kept) -> tuple[str, ...]:
    """Return a sentence for each thing that is wrong with a schedule as it is now; none where all is well."""
    ids = list(members_in_order(kept.schedule))
    people = await turn.rows(PEOPLE_BY_ID, {"ids": ids})
    reachable = {person.id: bool(person.methods) for person in people}
    return (*_of_gaps(kept, turn.now), *_of_people(kept, ids, reachable))


def warned(headers: Mapping[str, str], sentences: Iterable[str]) -> dict[str, str]:
    """Return headers that carry these sentences too, as a JSON list in ASCII: bodies have room for one key only."""
    shown = list(sentences)[:MOST_SHOWN]
    while shown and len(json.dumps(shown)) > LONGEST_HEADER:
        shown.pop()
    return {**headers, HEADER: json.dumps(shown)} if shown else dict(headers)


def _of_gaps(kept: Kept, now: datetime) -> tuple[str, ...]:
    since = now.replace(microsecond=0)
    gaps = [gap for gap in Timeline(kept.schedule).gaps(since, since + AHEAD) if not gap.intended]
    if not gaps:
        return ()
    if len(gaps) == 1 and gaps[0].end - gaps[0].start == AHEAD:
        return (f"Nobody is on call in the next {AHEAD.days} days.",)
    hours = sum((gap.end - gap.start for gap in gaps), timedelta()) / timedelta(hours=1)
    first = _stretch(gaps[0], ZoneInfo(kept.schedule.time_zone))
    more = f", and in {len(gaps) - 1} more stretches" if len(gaps) > 1 else ""
    return (f"Nobody is on call {first}{more}: {hours:.1f} of the next {AHEAD.days * 24} hours.",)


def _of_people(kept: Kept, ids: Sequence[str], reachable: Mapping[str, bool]) -> tuple[str, ...]:
    names = {user.id: user.name for user in kept.users}
    gone = [names.get(user_id, user_id) for user_id in ids if user_id not in reachable]
    silent = [names.get(user_id, user_id) for user_id in ids if not reachable.get(user_id, True)]
    return tuple(
        f"{name} {fault}."
        for group, fault in ((gone, "was deleted and is passed over"), (silent, "has no contact method that works"))
        for name in group
    )


def _stretch(gap: Gap, zone: ZoneInfo) -> str:
    return f"from {show_instant(gap.start, zone)} to {show_instant(gap.end, zone)}"
