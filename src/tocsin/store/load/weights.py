"""Weights as kept: how heavy an hour of each kind is, in the account and in teams that see it differently."""

from collections.abc import Iterable

import msgspec
from msgspec import Struct

from tocsin.domain.oncall.load import Weights
from tocsin.store.config import bump_config
from tocsin.store.query import Command, Query
from tocsin.store.turn import Turn


class Document(Struct, frozen=True):
    """Weights as JSON text, and the team that they are of; none for the account."""

    team_id: str | None
    document: str


ACCOUNT = Query(
    "weights of the account",
    "SELECT NULL::text AS team_id, value::text AS document FROM setting WHERE key = 'load_weights'",
    Document,
)
OF_TEAMS = Query(
    "weights of these teams",
    """SELECT team_id, document::text AS document FROM load_weights WHERE team_id = ANY(%(ids)s::text[])
    ORDER BY team_id""",
    Document,
)
SET_ACCOUNT = Command(
    "set the weights of the account",
    """
    INSERT INTO setting (key, value) VALUES ('load_weights', %(document)s::jsonb)
    ON CONFLICT (key) DO UPDATE SET value = EXCLUDED.value
    """,
)
SET_TEAM = Command(
    "set the weights of a team",
    """
    INSERT INTO load_weights (team_id, document) VALUES (%(team_id)s, %(document)s::jsonb)
    ON CONFLICT (team_id) DO UPDATE SET document = EXCLUDED.document
    """,
)
DROP_TEAM = Command("let a team follow the account's weights", "DELETE FROM load_weights WHERE team_id = %(team_id)s")


async def of_account(turn: Turn) -> Weights:
    """Return the weights that hold where no team has its own."""
    row = await turn.maybe(ACCOUNT)
    return Weights() if row is None else _read(row)


async def of_teams(turn: Turn, team_ids: Iterable[str]) -> dict[str, Weights]:
    """Return the weights of those of these teams that have their own, by the team's id, in the order of ids."""
    rows = await turn.rows(OF_TEAMS, {"ids": sorted(set(team_ids))})
    return {row.team_id: _read(row) for row in rows if row.team_id is not None}


async def keep(turn: Turn, weights: Weights, team_id: str | None = None) -> None:
    """Write the weights of a team, or of the account."""
    document = msgspec.json.encode(weights).decode()
    if team_id is None:
        await turn.run(SET_ACCOUNT, {"document": document})
    else:
        await turn.run(SET_TEAM, {"team_id": team_id, "document": document})
    await bump_config(turn)


async def drop(turn: Turn, team_id: str) -> None:
    """Let a team follow the account's weights again."""
    await turn.run(DROP_TEAM, {"team_id": team_id})
    await bump_config(turn)


def _read(row: Document) -> Weights:
    return msgspec.json.decode(row.document, type=Weights)
