"""Run: starting the whole program in order, keeping it up, and stopping it in order."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Sequence

import structlog
from msgspec import Struct

from tocsin.app import systemd
from tocsin.app.house import House, build_house
from tocsin.app.servers import Gates, settled
from tocsin.config import Config
from tocsin.ground.errors import StoreUnavailable
from tocsin.ground.limits import LEASE
from tocsin.store import priorities, setup
from tocsin.store.embedded import Embedded
from tocsin.store.hints import Topic
from tocsin.store.migrate import migrate

log = structlog.get_logger("tocsin")


_KEYS_EVERY_S = 10.0  # a rotation by a command, whose hint no node may have heard
_CANCEL_AGAIN_S = 1.0  # seconds that a loop has to end before it is told again
_LOOK_AGAIN_S = 1.0  # seconds between two looks whether the first user is there


class Started(Struct, frozen=True):
    """What a started program tells whoever started it."""

    house: House
    http_url: str
    https_url: str | None
    setup_token: str | None


Tell = Callable[[str], None]


@contextlib.asynccontextmanager
async def database(config: Config, tell: Tell) -> AsyncIterator[str]:
    """Give the address of a running database: the configured one, else our own, started and watched."""
    if config.database_url:
        yield config.database_url
        return
    config.data_dir.mkdir(parents=True, exist_ok=True)
    embedded = Embedded(config.data_dir, log=tell)
    dsn = await embedded.start()
    try:
        async with asyncio.TaskGroup() as group:
            watching = group.create_task(embedded.watch(), name="watch-database")
            try:
                yield dsn
            finally:
                watching.cancel()
    finally:
        await embedded.stop()


async def run(config: Config, stop: asyncio.Event, *, tell: Tell, started: Callable[[Started], None]) -> None:
    """Run the program until `stop` is set. `tell` hears of slow steps, `started` what to print once it is up."""
    config = settled(config)
    async with database(config, tell) as dsn:
        for name in await migrate(dsn, phases=("pre",)):
            tell(f"database: migrated to {name}")
        house = await build_house(config, dsn)
        try:
            await house.store.work(priorities.seed)
            token = await setup.prepare(house.store)
            async with asyncio.TaskGroup() as group:
                turning = _start_loops(group, house, dsn)
                try:
                    await _serve(group, house, stop, token=token, started=started)
                finally:
                    await _end_loops(house, turning)
        finally:
            await house.close()


def _start_loops(group: asyncio.TaskGroup, house: House, dsn: str) -> list[asyncio.Task[None]]:
    """Start what this node's duties ask for; the tasks are to be cancelled in the end."""
    duties = house.config.duties
    loops = [group.create_task(house.store.hints.carry(dsn, house.store.connection), name="hints")]
    if "engine" in duties:
        loops.append(group.create_task(house.lanes.run(), name="lanes"))
        loops.append(group.create_task(house.timers.run(), name="timers"))
    if "notify" in duties:
        loops.append(group.create_task(house.notifier.run(), name="notify"))
        loops.append(group.create_task(house.noticer.run(), name="notices"))
    if "keeper" in duties:
        loops.append(group.create_task(house.keeper.run(), name="keeper"))
        loops.append(group.create_task(house.auditor.run(), name="auditor"))
        loops.append(group.create_task(house.handoffs.run(), name="handoffs"))
        loops.append(group.create_task(house.covers.run(), name="covers"))
        loops.append(group.create_task(house.coverage.run(), name="coverage"))
        loops.append(group.create_task(house.calendars.run(), name="calendars"))
        loops.append(group.create_task(house.holidays.run(), name="holidays"))
        loops.append(group.create_task(house.heartbeat.run(), name="heartbeat"))
    loops.append(group.create_task(_learn_keys(house), name="keys"))
    loops.append(group.create_task(systemd.feed_watchdog(house.healthy), name="watchdog"))
    return loops


async def _learn_keys(house: House) -> None:
    """Read data keys that another process made, whenever the configuration changes, until cancelled."""
    with house.store.hints.listening(Topic.CONFIG) as bell:
        while True:
            await bell.wait(_KEYS_EVERY_S)
            with contextlib.suppress(StoreUnavailable):
                await house.keyring.refresh(house.store)


async def _end_loops(house: House, turning: Sequence[asyncio.Task[None]]) -> None:
    """Let the pages and notices that are on their way end and be written, then stop the loops."""
    house.notifier.close()
    house.noticer.close()
    paging = [task for task in turning if task.get_name() in ("notify", "notices") and not task.done()]
    if paging:
        await asyncio.wait(paging, timeout=LEASE.total_seconds())
    await _cancel(turning)


async def _cancel(tasks: Sequence[asyncio.Task[None]]) -> None:
    """Cancel tasks until they have ended.

    Once is not enough: whoever waits for a connection of the pool, and gets it in the same moment, never hears of the
    cancellation (`asyncio.wait_for` of Python 3.11 in psycopg_pool 3.3), and would work on for ever.
    """
    pending = {task for task in tasks if not task.done()}
    while pending:
        for task in pending:
            task.cancel()
        _, pending = await asyncio.wait(pending, timeout=_CANCEL_AGAIN_S)


async def _serve(
    group: asyncio.TaskGroup,
    house: House,
    stop: asyncio.Event,
    *,
    token: str | None,
    started: Callable[[Started], None],
) -> None:
    """Open the doors, wait for the end, close them, and answer everything that was accepted."""
    config = house.config
    accepting = group.create_task(house.accept.run(), name="accept")
    keeping = group.create_task(house.book.run(), name="requests")
    gates = Gates(group, house.application, config)
    try:
        http_port, https_port = await gates.open(only_loopback=token is not None)
        https_url = None if https_port is None else f"https://localhost:{https_port}"
        started(Started(house, f"http://127.0.0.1:{http_port}", https_url, token))
        systemd.notify("READY=1")
        url = f"http://127.0.0.1:{http_port}"
        beside = [
            group.create_task(house.probe.run(config.probe_every_s, url), name="probe"),
            group.create_task(gates.renew_for_ever(), name="renew"),
        ]
        if token is not None and await _set_up(house, stop):
            await gates.widen()
        await stop.wait()
        for task in beside:
            task.cancel()
    finally:
        systemd.notify("STOPPING=1")
        await gates.close()
        house.accept.close()
        await accepting
        house.book.close()
        await keeping


async def _set_up(house: House, stop: asyncio.Event) -> bool:
    """Wait until the first user is set up; return False when the program stops before."""
    while not stop.is_set():
        with contextlib.suppress(StoreUnavailable):
            if (await house.store.glance(setup.OWNER_EXISTS)).yes:
                return True
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), _LOOK_AGAIN_S)
    return False
