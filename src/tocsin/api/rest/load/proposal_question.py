"""What a proposal is made from: the coming turns, who can take them, what they had lately, and when they are away."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta

from msgspec import Struct

from tocsin.domain.oncall.load import Watched, loads_of, total
from tocsin.domain.oncall.proposal import MOST_MEMBERS, MOST_TURNS, Question, Rules
from tocsin.domain.oncall.proposal_turns import OpenTurn, layers_of, open_turns
from tocsin.domain.oncall.schedule import Shift
from tocsin.domain.oncall.stretches import Stretch
from tocsin.ground.errors import Refused, Why
from tocsin.store.covers import absences
from tocsin.store.load import gather as gathering
from tocsin.store.load.gather import Gathered, PersonRow, Wanted
from tocsin.store.schedules import rows
from tocsin.store.schedules.document import members_of
from tocsin.store.schedules.rows import Kept
from tocsin.store.turn import Turn

PAST = timedelta(days=90)  # what people had lately counts as well; a quarter evens out what came by chance
AROUND = timedelta(days=35)  # looked at on both sides, for rest and nights: longer than the turns of real schedules


class Wish(Struct, frozen=True, kw_only=True):
    """What somebody asks a proposal for; no layers means the heaviest one, no members all of its members."""

    schedule_id: str
    window: Stretch
    most_nights: int
    rest: timedelta
    member_ids: tuple[str, ...] = ()
    layer_ids: tuple[str, ...] = ()
    seed: int = 0
    horizon: list[str] | None = None


class Asked(Struct, frozen=True, kw_only=True):
    """The question in full, and what its answer is told with."""

    wish: Wish
    kept: Kept
    window: Stretch
    layer_ids: tuple[str, ...]
    question: Question
    people: Mapping[str, PersonRow]


async def schedule_with(turn: Turn, schedule_id: str, horizon: list[str] | None) -> Kept:
    """Return a schedule that the reader may see; raise `Refused` (not found)."""
    found = (await rows.load(turn, [schedule_id], horizon=horizon)).get(schedule_id)
    if found is None:
        raise Refused(Why.NOT_FOUND, "There is no schedule with this id, or you cannot see it.")
    return found


async def asked(turn: Turn, wish: Wish) -> Asked:
    """Read everything that the question needs; raise `Refused` with what to ask instead."""
    soonest = turn.now.replace(microsecond=0) + timedelta(seconds=1)
    window = max(wish.window[0], soonest), wish.window[1]
    if window[0] >= window[1]:
        raise Refused(Why.BAD_DATE, "until is in the future: turns that are over cannot be given away.")
    kept = await schedule_with(turn, wish.schedule_id, wish.horizon)
    wanted = Wanted(since=window[0] - PAST, until=window[1], schedule_ids=[wish.schedule_id])
    gathered = await gathering.gather(turn, wanted)
    shifts = kept.timeline().final(window[0] - AROUND, window[1] + AROUND, whole=True)
    schedule = kept.schedule
    layer_ids = wish.layer_ids or _heaviest(gathered, kept, shifts, window=window)
    layers = layers_of(schedule.layers, layer_ids)
    turns, fixed = open_turns(shifts, layers, window, time_zone=schedule.time_zone)
    _check_turns(turns)
    people = await gathering.people(turn, {*_members(wish, kept, layer_ids), *(each.holder for each in turns)})
    _check_named(wish, people)
    members = _present(people, _members(wish, kept, layer_ids))
    away = await absences.absences_of(turn, members, window[0], window[1])
    known = await gathering.workers(turn, members, window[0] - AROUND, window[1] + AROUND)
    question = Question(
        turns=turns,
        members=tuple(known[each] for each in members),
        base=_base(gathered, fixed, window),
        fixed=_by_user((str(shift.user_id), (shift.start, shift.end)) for shift in fixed),
        absences=_by_user((each.user_id, (each.start, each.end)) for each in away),
        weights=gathered.weights[wish.schedule_id],
        rules=Rules(wish.most_nights, wish.rest),
        seed=wish.seed,
    )
    return Asked(wish=wish, kept=kept, window=window, layer_ids=tuple(layer_ids), question=question, people=people)


def _check_turns(turns: Sequence[OpenTurn]) -> None:
    if not turns:
        raise Refused(Why.INVALID, "No whole turn of these layers begins and ends between since and until.")
    if len(turns) > MOST_TURNS:
        raise Refused(Why.INVALID, f"A proposal is for at most {MOST_TURNS} turns: ask for a shorter stretch.")


def _members(wish: Wish, kept: Kept, layer_ids: Sequence[str]) -> tuple[str, ...]:
    if wish.member_ids:
        return wish.member_ids
    return tuple(sorted(members_of(layer for layer in kept.schedule.layers if layer.id in layer_ids)))


def _check_named(wish: Wish, people: Mapping[str, PersonRow]) -> None:
    for user_id in wish.member_ids:
        if user_id not in people or people[user_id].deleted_at is not None:
            raise Refused(Why.INVALID, f"members: there is no user {user_id}.")


def _present(people: Mapping[str, PersonRow], user_ids: Sequence[str]) -> dict[str, PersonRow]:
    """Return those of these people who are there."""
    found = {each: people[each] for each in user_ids if each in people and people[each].deleted_at is None}
    if not found:
        raise Refused(Why.INVALID, "None of the members is a user.")
    if len(found) > MOST_MEMBERS:
        raise Refused(Why.INVALID, f"A proposal is among at most {MOST_MEMBERS} people: name them in members.")
    return found


def _heaviest(gathered: Gathered, kept: Kept, shifts: Sequence[Shift], *, window: Stretch) -> tuple[str, ...]:
    """Return the layer whose open turns weigh most."""
    of_layer: dict[str, list[Shift]] = {}
    for shift in shifts:
        if shift.source.kind == "layer" and shift.source.layer_id is not None:
            of_layer.setdefault(shift.source.layer_id, []).append(shift)
    weights = next(iter(gathered.weights.values()))
    loads = {}
    for layer in kept.schedule.layers:
        theirs = of_layer.get(layer.id, [])
        if open_turns(theirs, [layer], window, time_zone=kept.schedule.time_zone)[0]:
            watched = Watched(id=layer.id, shifts=tuple(_cut(shift, window) for shift in theirs), weights=weights)
            loads[layer.id] = total(loads_of([watched], [], gathered.workers, window=window).people.values()).load
    return tuple(sorted(loads, key=lambda each: (-loads[each], each))[:1])


def _base(gathered: Gathered, fixed: Sequence[Shift], window: Stretch) -> dict[str, int]:
    """Return the load that everybody has anyway: of the past, and of what is fixed in the window."""
    begin = window[0] - PAST
    past = [shift for each in gathered.watched(begin, window[0]) for shift in each.shifts]
    coming = [_cut(shift, window) for shift in fixed if shift.start < window[1] and window[0] < shift.end]
    weights = next(iter(gathered.weights.values()))
    watched = Watched(id=gathered.schedules[0].id, shifts=(*past, *coming), weights=weights)
    pages = [each.page for each in gathered.pages]
    loads = loads_of([watched], pages, gathered.workers, window=(begin, window[1]), all_pages=False)
    return {user_id: line.load for user_id, line in loads.people.items()}


def _cut(shift: Shift, window: Stretch) -> Shift:
    """Return the part of a shift in the window, an empty one when there is none."""
    start, end = max(shift.start, window[0]), min(shift.end, window[1])
    return Shift(start=start, end=end, user_id=shift.user_id, source=shift.source, turn=shift.turn)


def _by_user(told: Iterable[tuple[str, tuple[datetime, datetime]]]) -> dict[str, list[Stretch]]:
    found: dict[str, list[Stretch]] = {}
    for user_id, stretch in told:
        found.setdefault(user_id, []).append(stretch)
    return found
