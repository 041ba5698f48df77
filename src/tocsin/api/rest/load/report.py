"""Load: how hours on call and pages are spread over people, schedules and teams, in the past and as it is planned."""

import asyncio
from collections.abc import Mapping
from datetime import datetime

from tocsin.api.kit import Answer, Call, Shown, operation, shown
from tocsin.api.rest.load.load_shape import COLUMNS, by_name, cells, show_line, show_person, show_weights
from tocsin.api.rest.load.sheet import Cell, sheet, wants_sheet
from tocsin.api.rest.load.window import near, window
from tocsin.domain.oncall.load import Line, Loads, loads_of, total
from tocsin.store.load.gather import Gathered, Wanted, gather
from tocsin.store.turn import Turn

_INCLUDES = frozenset({"people"})


@operation("GET", "/api/load")
async def show_load(call: Call) -> Answer:
    """Show the load from `since` to `until`; `include[]=people` lists the people of each schedule too.

    What is past is told by the schedules as they were then, what is to come by the schedules as they are now.
    `schedule_ids[]` and `team_ids[]` narrow it, `format=csv` or `Accept: text/csv` answer a sheet.
    """
    since, until = window(call)
    as_sheet, includes = wants_sheet(call), call.includes(_INCLUDES)
    wanted = Wanted(
        since=since,
        until=until,
        horizon=call.actor.horizon,
        schedule_ids=call.many("schedule_ids") or None,
        team_ids=call.many("team_ids") or None,
    )

    async def job(turn: Turn) -> Gathered:
        near(until, turn.now)
        return await gather(turn, wanted)

    gathered = await call.store.read(job)
    narrow = bool(wanted.schedule_ids or wanted.team_ids) or wanted.horizon is not None
    # A hundred schedules take a second of processor time: on the side, so that pages go on meanwhile.
    loads = await asyncio.to_thread(reckoned, gathered, (since, until), all_pages=not narrow)
    if as_sheet:
        return sheet("load", COLUMNS, _rows(gathered, loads))
    return shown("load", _show(call, gathered, loads, wanted=wanted, whole="people" in includes))


def reckoned(gathered: Gathered, stretch: tuple[datetime, datetime], *, all_pages: bool) -> Loads:
    """Return the loads of everything that was gathered."""
    pages = [each.page for each in gathered.pages]
    return loads_of(gathered.watched(*stretch), pages, gathered.workers, window=stretch, all_pages=all_pages)


def _show(call: Call, gathered: Gathered, loads: Loads, *, wanted: Wanted, whole: bool) -> Shown:
    everything = total(loads.people.values()).load
    return {
        "since": call.at(wanted.since),
        "until": call.at(wanted.until),
        "people": _people(call, gathered, loads.people),
        "schedules": [
            {
                "schedule": call.links.reference("schedule", schedule.id, schedule.name),
                "weights": show_weights(gathered.weights[schedule.id]),
                **show_line(total(lines.values()), everything),
                **({"people": _people(call, gathered, lines)} if whole else {}),
            }
            for schedule in gathered.schedules
            for lines in [loads.schedules[schedule.id]]
        ],
        "teams": [
            {
                "team": call.links.reference("team", team_id, name),
                **show_line(_of_team(gathered, loads, team_id), everything),
            }
            for team_id, name in gathered.teams.items()
        ],
        "total": show_line(total(loads.people.values()), everything),
    }


def _people(call: Call, gathered: Gathered, lines: Mapping[str, Line]) -> list[Shown]:
    everything = total(lines.values()).load
    return [
        show_person(call, gathered.people[user_id], lines[user_id], everything)
        for user_id in sorted(lines, key=lambda each: by_name(gathered.people, each))
    ]


def _of_team(gathered: Gathered, loads: Loads, team_id: str) -> Line:
    return total(
        line
        for schedule in gathered.schedules
        if team_id in schedule.team_ids
        for line in loads.schedules[schedule.id].values()
    )


def _rows(gathered: Gathered, loads: Loads) -> list[tuple[Cell, ...]]:
    """Return the people in all, whose schedule is empty, and then the people of each schedule."""
    parts = [(("", ""), loads.people)]
    parts += [((each.id, each.name), loads.schedules[each.id]) for each in gathered.schedules]
    return [
        cells(schedule, gathered.people[user_id], lines[user_id], total(lines.values()).load)
        for schedule, lines in parts
        for user_id in sorted(lines, key=lambda each: by_name(gathered.people, each))
    ]
