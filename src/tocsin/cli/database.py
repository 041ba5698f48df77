"""Database: reaching this installation's database from a command, whether its program runs or not."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TypeVar

from tocsin.cli.frame import Frame
from tocsin.config import Config
from tocsin.ground.errors import Refused, Why
from tocsin.store.keyring import Keyring
from tocsin.store.turn import Store

Result = TypeVar("Result")


def in_loop(whole: Callable[[], Awaitable[Result]]) -> Result:
    """Run a coroutine from a command and return its result."""
    import uvloop

    from tocsin.cli.logs import write_logs

    write_logs("warning")

    async def waited() -> Result:
        return await whole()

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(waited())


@asynccontextmanager
async def address(config: Config, tell: Callable[[str], None], *, fresh: bool = False) -> AsyncIterator[str]:
    """Give the database's address: the configured one, the one that runs, else our own, started for this command.

    Raises `Refused` (not found) when there is none yet, unless a `fresh` one may be made.
    """
    from tocsin.app.run import database

    running = running_address(config)
    if running:
        yield running
        return
    if not fresh and not (_cluster(config) / "PG_VERSION").exists():
        raise Refused(
            Why.NOT_FOUND,
            f"There is no installation in {config.data_dir}: `tocsin serve` makes one, TOCSIN_DATA_DIR names another.",
        )
    async with database(config, tell) as dsn:
        yield dsn


def running_address(config: Config) -> str | None:
    """Return the address of the configured database, or of our own when it runs; else None."""
    from psycopg.conninfo import make_conninfo

    from tocsin.store.embedded import postmaster

    if config.database_url:
        return config.database_url
    found = postmaster.running(_cluster(config))
    if found is None or found.status != "ready" or not found.socket_dir:
        return None
    return make_conninfo("", host=found.socket_dir, port=5432, dbname="tocsin", user="tocsin")


def _cluster(config: Config) -> Path:
    return config.data_dir.resolve() / "postgres" / "cluster"


@asynccontextmanager
async def opened(frame: Frame, *, fresh: bool) -> AsyncIterator[tuple[Store, Keyring]]:
    """Give the store, migrated to what this version needs to run, and the keyring."""
    from tocsin.store.migrate import migrate

    config = frame.config()
    async with address(config, frame.screen.tell, fresh=fresh) as dsn:
        for name in await migrate(dsn, phases=("pre",)):
            frame.screen.tell(f"database: migrated to {name}")
        store = Store(dsn, connections=2)
        await store.open()
        try:
            yield store, await Keyring.load(store, config.master_key_file)
        finally:
            await store.close()


def with_store(frame: Frame, job: Callable[[Store, Keyring], Awaitable[Result]], *, fresh: bool = False) -> Result:
    """Do one job on the database and return its result; a `fresh` installation may be made for it."""

    async def whole() -> Result:
        async with opened(frame, fresh=fresh) as (store, keyring):
            return await job(store, keyring)

    return in_loop(whole)
