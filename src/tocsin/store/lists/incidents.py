"""Incident lists: which incidents a list asks for, found by an index at any depth."""

from datetime import datetime
from itertools import product

from msgspec import Struct, structs

from tocsin.ground.page import Listed, Stretch
from tocsin.store.lists.incidents_shown import SHOWN, IncidentShown
from tocsin.store.pages import Count
from tocsin.store.query import Command, Query
from tocsin.store.turn import Turn

Order = tuple[str, ...]

NEWEST: Order = ("created_at:desc",)
_OPEN = {"triggered", "acknowledged"}
FIELDS = ("incident_number", "created_at", "resolved_at", "urgency")

_MOST_MERGED_ROWS = 60_000  # rows read from single services and merged; beyond it one walk of all is quicker


class Named(Struct, frozen=True):
    """An id."""

    id: str


class Wanted(Struct, frozen=True, kw_only=True):
    """Which incidents a list asks for; None means all.

    `service_ids` already says what the teams asked for, and the reader's horizon, mean. `mine` are incidents beyond
    that horizon which the reader sees because they are assigned to them; None when the reader sees everything.
    """

    since: datetime | None = None
    until: datetime | None = None
    statuses: list[str] | None = None
    urgency: str | None = None
    service_ids: list[str] | None = None
    user_ids: list[str] | None = None
    key: str | None = None
    mine: list[str] | None = None


# Every statement of a list is planned with its values, because a filter that is absent then costs nothing and the
# planner sees which index serves the others. A plan made once for all values would walk a million rows for some.
# Without parallel workers the halves of a list (see `_HALVES`) are read one after the other, in order.
PLAN_EACH_TIME = Command(
    "plans made for the values of this transaction",
    """
    SELECT set_config('plan_cache_mode', 'force_custom_plan', true),
           set_config('max_parallel_workers_per_gather', '0', true)
    """,
)
SERVICES_OF_TEAMS = Query(
    "services whose policy belongs to these teams and that the reader may see",
    """
    SELECT s.id FROM service s JOIN escalation_policy p ON p.id = s.escalation_policy_id
     WHERE (%(team_ids)s::text[] IS NULL OR p.team_id = ANY(%(team_ids)s::text[]))
       AND (%(horizon)s::text[] IS NULL OR p.team_id = ANY(%(horizon)s::text[]))
    """,
    Named,
)
ASSIGNED_TO = Query(
    "incidents assigned to this user, of these services",
    """
    SELECT i.id FROM assignment a JOIN incident i ON i.id = a.incident_id
     WHERE a.user_id = %(user_id)s
       AND (%(service_ids)s::text[] IS NULL OR i.service_id = ANY(%(service_ids)s::text[]))
    """,
    Named,
)

# Open incidents are asked for by the very condition of their index, which is then all that has to be read.
_FILTER = """
       (%(since)s::timestamptz IS NULL OR i.created_at >= %(since)s::timestamptz)
   AND (%(until)s::timestamptz IS NULL OR i.created_at < %(until)s::timestamptz)
   AND (NOT %(only_open)s::boolean OR i.status <> 'resolved')
   AND (%(statuses)s::text[] IS NULL OR i.status = ANY(%(statuses)s::text[]))
   AND (%(urgency)s::text IS NULL OR i.urgency = %(urgency)s::text)"""
_OF_SERVICES = f"""{_FILTER}
   AND (%(service_ids)s::text[] IS NULL OR i.service_id = ANY(%(service_ids)s::text[])
        OR (%(mine)s::text[] IS NOT NULL AND i.id = ANY(%(mine)s::text[])))"""

# What is resolved is assigned to nobody, so a list of somebody's incidents is a list of open ones.
_SOURCES = {
    "all": ("incident i", _OF_SERVICES),
    "assigned": (
        "incident i",
        f"""i.status <> 'resolved'
   AND i.id IN (SELECT a.incident_id FROM assignment a WHERE a.user_id = ANY(%(user_ids)s::text[]))
   AND {_OF_SERVICES}""",  # noqa: S608 - joined from constants of this file only
    ),
    "keyed": (
        """(SELECT k.id FROM incident k WHERE k.incident_key = %(key)s
            UNION SELECT al.incident_id FROM alert al WHERE al.dedup_key = %(key)s) AS keyed
      JOIN incident i ON i.id = keyed.id""",
        f"""(%(user_ids)s::text[] IS NULL OR EXISTS (
            SELECT FROM assignment a WHERE a.incident_id = i.id AND a.user_id = ANY(%(user_ids)s::text[])))
   AND {_OF_SERVICES}""",
    ),
}
_COLUMNS = {"incident_number": "number", "created_at": "created_at", "resolved_at": "resolved_at", "urgency": "urgency"}
_SORTED = "i.id, i.number, i.created_at, i.resolved_at, i.urgency"
_STRETCH = "LIMIT %(limit)s::int OFFSET %(offset)s::int"
_AS_DEEP = "LIMIT %(limit)s::int + %(offset)s::int"

# An order that begins with one of these has two halves, each with an index of its own; the second one is read only
# when the first is used up. Upwards means from low to high, and from what is not resolved yet to what is.
_HALVES = {
    "urgency:desc": ("i.urgency = 'high'", "i.urgency = 'low'"),
    "urgency:asc": ("i.urgency = 'low'", "i.urgency = 'high'"),
    "resolved_at:desc": ("i.resolved_at IS NOT NULL", "i.status <> 'resolved'"),
    "resolved_at:asc": (
        "i.status <> 'resolved'",
        "i.resolved_at IS NOT NULL AND (%(since)s::timestamptz IS NULL OR i.resolved_at >= %(since)s::timestamptz)",
    ),
}


def _by(order: Order) -> str:
    """Return the ORDER BY of an order, with what decides between equals."""
    down = order[0].endswith(":desc")
    terms = [_term(*each.split(":")) for each in order]
    if order[0].startswith("incident_number"):
        return ", ".join(terms)
    if not any(each.startswith("created_at") for each in order):
        terms.append(_term("created_at", "desc" if down else "asc"))
    return ", ".join([*terms, "i.id DESC" if down else "i.id"])


def _term(field: str, direction: str) -> str:
    down = (direction == "desc") is not (field == "urgency")
    return f"i.{_COLUMNS[field]}{' DESC' if down else ''}"


def _statement(source: str, order: Order) -> str:
    table, condition = _SOURCES[source]
    halves = _HALVES.get(order[0])
    if halves is None:
        return f"SELECT i.id FROM {table} WHERE {condition} ORDER BY {_by(order)} {_STRETCH}"  # noqa: S608 - joined from constants of this file only
    first, second = (
        f"(SELECT i.id FROM {table} WHERE {condition} AND {half} ORDER BY {_by(order)} {_AS_DEEP})"  # noqa: S608 - joined from constants of this file only
        for half in halves
    )
    return f"SELECT i.id FROM ({first} UNION ALL {second}) AS i {_STRETCH}"  # noqa: S608 - joined from constants of this file only


def _few_services(order: Order) -> str:
    return f"""
    SELECT i.id FROM (
        SELECT i.id, i.number, i.created_at, i.resolved_at, i.urgency
          FROM unnest(%(service_ids)s::text[]) AS wanted(service_id)
         CROSS JOIN LATERAL (
               SELECT {_SORTED} FROM incident i WHERE i.service_id = wanted.service_id AND {_FILTER}
                ORDER BY {_by(order)} {_AS_DEEP}) AS i
         UNION
        SELECT {_SORTED} FROM incident i WHERE i.id = ANY(%(mine)s::text[]) AND {_FILTER}) AS i
     ORDER BY {_by(order)} {_STRETCH}"""  # noqa: S608 - joined from constants of this file only


def _orders() -> list[Order]:
    """Return every order by one or two different fields; a number decides alone, because it is unique."""
    single = [f"{field}:{direction}" for field, direction in product(FIELDS, ("asc", "desc"))]
    pairs = [
        (one, two)
        for one, two in product(single, single)
        if not one.startswith("incident_number") and one.split(":")[0] != two.split(":")[0]
    ]
    return [*((one,) for one in single), *pairs]


ORDERS = frozenset(_orders())
LISTS = {
    (source, order): Query(f"ids of incidents ({source}) by {' and '.join(order)}", _statement(source, order), Named)
    for source, order in product(_SOURCES, sorted(ORDERS))
}
FEW_SERVICES = {
    order: Query(f"ids of incidents of some services by {' and '.join(order)}", _few_services(order), Named)
    for order in sorted(ORDERS)
    if order[0].startswith("created_at")
}
COUNTS = {
    source: Query(
        f"how many incidents ({source}) a list has",
        f"SELECT count(*) AS n FROM {table} WHERE {filtered}",  # noqa: S608 - joined from constants of this file only
        Count,
    )
    for source, (table, filtered) in _SOURCES.items()
}


async def page(turn: Turn, wanted: Wanted, stretch: Stretch, order: Order = NEWEST) -> Listed[IncidentShown]:
    """Return a stretch of the incidents wanted. First their ids are found, then only these are read in full."""
    await turn.run(PLAN_EACH_TIME)
    values = _values(wanted)
    source = "keyed" if wanted.key is not None else "assigned" if wanted.user_ids is not None else "all"
    query = _query(source, wanted, stretch, order)
    found = await turn.rows(query, {**values, "limit": stretch.limit + 1, "offset": stretch.offset})
    ids = [row.id for row in found[: stretch.limit]]
    total = (await turn.one(COUNTS[source], values)).n if stretch.total else None
    return Listed(await shown(turn, ids), len(found) > stretch.limit, total)


def _values(wanted: Wanted) -> dict[str, object]:
    only_open = wanted.statuses is not None and set(wanted.statuses) == _OPEN
    return {
        **structs.asdict(wanted),
        "only_open": only_open,
        "statuses": None if only_open else wanted.statuses,
    }


def _query(source: str, wanted: Wanted, stretch: Stretch, order: Order) -> Query[Named]:
    if source == "all" and order in FEW_SERVICES and _few(wanted, stretch):
        return FEW_SERVICES[order]
    return LISTS[source, order]


def _few(wanted: Wanted, stretch: Stretch) -> bool:
    """Say whether to merge the services' own lists; what is seen besides them can only be merged quickly."""
    if wanted.service_ids is None:
        return False
    rows = len(wanted.service_ids) * (stretch.offset + stretch.limit)
    return wanted.mine is not None or rows <= _MOST_MERGED_ROWS


async def shown(turn: Turn, ids: list[str]) -> tuple[IncidentShown, ...]:
    """Return these incidents with everything that an answer shows, in this order."""
    if not ids:
        return ()
    rows = {row.id: row for row in await turn.rows(SHOWN, {"ids": ids})}
    return tuple(rows[each] for each in ids if each in rows)


async def narrowed(
    turn: Turn, wanted: Wanted, *, team_ids: list[str] | None, horizon: list[str] | None, reader: str | None
) -> Wanted:
    """Return what is wanted with its teams and the reader's horizon said in services and single incidents."""
    if team_ids is not None:
        of_teams = await _services(turn, {"team_ids": team_ids, "horizon": None})
        chosen = of_teams if wanted.service_ids is None else of_teams & set(wanted.service_ids)
        wanted = structs.replace(wanted, service_ids=sorted(chosen))
    if horizon is None:
        return wanted
    visible = await _services(turn, {"team_ids": None, "horizon": horizon})
    chosen = visible if wanted.service_ids is None else visible & set(wanted.service_ids)
    values = {"user_id": reader, "service_ids": wanted.service_ids}
    mine = [row.id for row in await turn.rows(ASSIGNED_TO, values)]
    return structs.replace(wanted, service_ids=sorted(chosen), mine=mine)


async def _services(turn: Turn, values: dict[str, list[str] | None]) -> set[str]:
    return {row.id for row in await turn.rows(SERVICES_OF_TEAMS, values)}
