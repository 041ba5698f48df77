"""Rules of pay as kept: what each team gives for hours on call and for pages."""

from collections.abc import Iterable

import msgspec
from msgspec import Struct

from tocsin.domain.oncall.pay import PayRules
from tocsin.ground.errors import Refused, Why
from tocsin.store.config import bump_config
from tocsin.store.query import Command, Query
from tocsin.store.turn import Turn


class Document(Struct, frozen=True):
    """Rules as JSON text, and the team that they are of."""

    team_id: str
    document: str


class PayingTeam(Struct, frozen=True):
    """A team that has rules, by name, with its rules as JSON text."""

    id: str
    name: str
    document: str


PAYING = Query(
    "teams that have rules of pay, by name",
    """
    SELECT t.id, t.name, r.document::text AS document FROM pay_rules r JOIN team t ON t.id = r.team_id
     WHERE (%(horizon)s::text[] IS NULL OR t.id = ANY(%(horizon)s::text[]))
       AND (%(team_ids)s::text[] IS NULL OR t.id = ANY(%(team_ids)s::text[]))
     ORDER BY lower(t.name), t.id
    """,
    PayingTeam,
)
OF_TEAMS = Query(
    "rules of pay of these teams",
    "SELECT team_id, document::text AS document FROM pay_rules WHERE team_id = ANY(%(ids)s::text[])",
    Document,
)
SET = Command(
    "set the rules of pay of a team",
    """
    INSERT INTO pay_rules (team_id, document) VALUES (%(team_id)s, %(document)s::jsonb)
    ON CONFLICT (team_id) DO UPDATE SET document = EXCLUDED.document
    """,
)
DROP = Command("let a team pay nothing", "DELETE FROM pay_rules WHERE team_id = %(team_id)s")


async def of_teams(turn: Turn, team_ids: Iterable[str]) -> dict[str, PayRules]:
    """Return the rules of those of these teams that have some, by the team's id."""
    rows = await turn.rows(OF_TEAMS, {"ids": sorted(set(team_ids))})
    return {row.team_id: msgspec.json.decode(row.document, type=PayRules) for row in rows}


async def paying(
    turn: Turn, *, horizon: list[str] | None, team_ids: list[str] | None
) -> list[tuple[str, str, PayRules]]:
    """Return the id, the name and the rules of each team that the reader may see and that has rules, by name."""
    rows = await turn.rows(PAYING, {"horizon": horizon, "team_ids": team_ids})
    return [(row.id, row.name, msgspec.json.decode(row.document, type=PayRules)) for row in rows]


async def keep(turn: Turn, team_id: str, rules: PayRules) -> None:
    """Write the rules of a team."""
    await turn.run(SET, {"team_id": team_id, "document": msgspec.json.encode(rules).decode()})
    await bump_config(turn)


async def drop(turn: Turn, team_id: str) -> None:
    """Take the rules of a team away; raise `Refused` (not found) when it has none."""
    if not await turn.run(DROP, {"team_id": team_id}):
        raise Refused(Why.NOT_FOUND, "The team has no rules of pay.")
    await bump_config(turn)
