"""What the paging loop asks each second is answered from an index, however many pages there ever were."""

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest

from tests.town.database import tell
from tocsin.store.invariants import UNKNOWN_PAGES
from tocsin.store.notifications import CLAIM, DUE_CHANNELS, NEXT_PAGE, RECENT_MESSAGES, TAKE_BACK
from tocsin.store.query import Query
from tocsin.store.turn import Store, Turn

MINUTE = timedelta(minutes=1)
QUESTIONS: list[tuple[Query[Any], dict[str, object]]] = [
    (CLAIM, {"channel": "email", "most": 16, "limited": True, "lease": MINUTE, "late": MINUTE}),
    (DUE_CHANNELS, {"channels": ["email"], "known": ["email"]}),
    (NEXT_PAGE, {"channels": ["email"], "known": ["email"]}),
    (RECENT_MESSAGES, {"ids": ["PM1", "PM2"], "per": MINUTE}),
    (TAKE_BACK, {"most_repeats": 1}),
    (UNKNOWN_PAGES, {}),
]
FILL = """
    INSERT INTO notification (incident_id, user_id, contact_method_id, rule_id, round, channel, urgency, rank,
                              created_at, due_at, state, handed_at)
    SELECT 'PI' || n, 'PU' || n % 50, 'PM' || n % 50, 'default', 1, 'email', 'high', n % 3,
           now() - make_interval(secs => 60000 - n), now() + make_interval(secs => n - 59000),
           CASE WHEN n % 20 = 0 THEN 'pending' ELSE 'handed' END,
           CASE WHEN n % 20 <> 0 THEN now() - make_interval(secs => 60000 - n) END
      FROM generate_series(1, 60000) AS n
"""


@pytest.fixture
async def store(database: str) -> AsyncIterator[Store]:
    tell(database, FILL, "ANALYZE notification")
    opened = Store(database, connections=2)
    await opened.open()
    yield opened
    await opened.close()


@pytest.mark.parametrize(("query", "values"), QUESTIONS, ids=[query.says for query, _ in QUESTIONS])
async def test_the_table_is_never_read_whole(store: Store, query: Query[Any], values: dict[str, object]) -> None:
    async def explain(turn: Turn) -> list[str]:
        cursor = await turn.connection.execute(f"EXPLAIN {query.sql}".encode(), values)
        return [str(row[0]) for row in await cursor.fetchall()]

    plan = await store.work(explain)
    assert not [line for line in plan if "Seq Scan on notification" in line], "\n".join(plan)
