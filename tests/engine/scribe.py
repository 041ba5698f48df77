"""Scribe: what a test of the engine writes into the inbox, and reads of what came of it."""

import json
from typing import Any

from tocsin.domain.events import lane_of
from tocsin.engine.correlate import correlate
from tocsin.store.directory import Directory
from tocsin.store.turn import Store, Turn

INTEGRATION = "PINTEGRATION"

Row = tuple[Any, ...]


async def receive(store: Store, *events: tuple[str, str], integration: str = INTEGRATION) -> None:
    """Put events into the inbox as the door does: pairs of an action and a dedup key."""

    async def job(turn: Turn) -> None:
        for action, key in events:
            body = json.dumps({"action": action, "dedup_key": key, "summary": f"about {key}", "source": "tests"})
            await turn.connection.execute(
                "INSERT INTO inbox (lane, integration_id, kind, body) VALUES (%s, %s, 'event', %s)",
                (lane_of(integration.encode(), key.encode()), integration, body),
            )

    await store.work(job)


async def work(store: Store, directory: Directory, *, most: int = 100) -> int:
    """Work once on the inbox; return how many events that were."""
    return await store.work(lambda turn: correlate(turn, directory, most=most))


async def rows(store: Store, question: str, values: dict[str, object] | None = None) -> list[Row]:
    """Return what the database answers."""

    async def job(turn: Turn) -> list[Row]:
        cursor = await turn.connection.execute(question.encode(), values or {})
        return [tuple(row) for row in await cursor.fetchall()]

    return await store.read(job)


async def incident_ids(store: Store) -> list[str]:
    """Return the ids of all incidents, oldest first."""
    return [str(row[0]) for row in await rows(store, "SELECT id FROM incident ORDER BY number")]
