"""Coverage: how the doctor looks at the nights to come."""

from collections.abc import AsyncIterator
from datetime import datetime, timedelta

import psycopg

from tocsin.cli.database import address
from tocsin.cli.doctor.finding import Finding
from tocsin.cli.frame import Frame
from tocsin.domain.oncall.coverage import examine
from tocsin.domain.oncall.finding_words import advice, sentence
from tocsin.ground.errors import StoreUnavailable
from tocsin.store.coverage.facts import Wanted
from tocsin.store.coverage.gather import Gathered, gather
from tocsin.store.turn import Store, Turn

_PATIENCE_S = 5
_ZONE = "Etc/UTC"


async def look_ahead(frame: Frame, days: int) -> AsyncIterator[Finding]:
    """Return what will be wrong with who is on call in the coming days; one good word when nothing will."""
    advice_when_away = "Start a node (tocsin serve), or check database_url and data_dir."
    try:
        async with address(frame.config(), frame.screen.tell) as dsn:
            async with await psycopg.AsyncConnection.connect(dsn, connect_timeout=_PATIENCE_S):
                store = Store(dsn, connections=1)
            await store.open()
            try:
                frame.screen.tell(f"Looking {days} days ahead …")
                async for finding in _look(store, days):
                    yield finding
            finally:
                await store.close()
    except (psycopg.Error, StoreUnavailable) as failure:
        yield Finding("coverage", "fail", str(failure).strip(), advice_when_away)


async def _look(store: Store, days: int) -> AsyncIterator[Finding]:
    async def job(turn: Turn) -> tuple[Gathered, datetime]:
        return await gather(turn, Wanted(), turn.now, turn.now + timedelta(days=days)), turn.now

    gathered, now = await store.read(job)
    found = examine(gathered.facts, now, now + timedelta(days=days))
    names = gathered.names(_ZONE)
    grave = False
    for each in found:
        grave = grave or each.verdict != "note"
        verdict = "ok" if each.verdict == "note" else each.verdict
        yield Finding("coverage", verdict, sentence(each, names), advice(each))
    if not grave:
        counted = f"{len(gathered.facts.policies)} policies and {len(gathered.facts.timelines)} schedules"
        yield Finding("coverage", "ok", f"{counted}: somebody can be reached at every instant of {days} days")
