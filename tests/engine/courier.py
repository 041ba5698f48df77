"""Courier: a provider that does what a test says, and a notifier that pages people through it."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.engine.scribe import Row, rows
from tocsin.domain.paging.channel import Accepted, Address, Limit, Outcome
from tocsin.domain.paging.message import Message
from tocsin.engine.notify import Carrier, Notifier
from tocsin.engine.notify.compose import Composer
from tocsin.engine.watch import Watch
from tocsin.store.config import bump_config
from tocsin.store.directory import Directory
from tocsin.store.hints import Topic
from tocsin.store.keyring import Keyring
from tocsin.store.turn import Store, Turn

LOOK_EVERY_S = 0.02
OWNER = (
    "INSERT INTO app_user (id, name, email, role) VALUES ('POLGA', 'Olga', 'olga@example.org', 'owner')",
    """
    INSERT INTO contact_method (id, user_id, channel, label, address)
    VALUES ('POLGAMAIL', 'POLGA', 'email', 'Work', 'olga@example.org')
    """,
)


@dataclass(frozen=True)
class Calling:
    """One call: which message goes where, under which key, and the how manyth it is."""

    number: int
    message: Message
    to: Address
    key: str


async def takes(_calling: Calling) -> Outcome:
    """Take the message at once."""
    return Accepted("taken")


@dataclass
class Courier:
    """A provider. `does` says what becomes of a call; `busiest` is the most calls that were under way at once."""

    does: Callable[[Calling], Awaitable[Outcome]] = takes
    name: str = "courier"
    lines: int = 16
    calls: list[Calling] = field(default_factory=list)
    under_way: int = 0
    busiest: int = 0

    @property
    def addresses(self) -> list[str]:
        """Whom it was sent to, in order."""
        return [calling.to.address for calling in self.calls]

    async def send(self, message: Message, to: Address, key: str) -> Outcome:
        """Do what the test says."""
        calling = Calling(len(self.calls) + 1, message, to, key)
        self.calls.append(calling)
        self.under_way += 1
        self.busiest = max(self.busiest, self.under_way)
        try:
            return await self.does(calling)
        finally:
            self.under_way -= 1

    async def close(self) -> None:
        """Do nothing: there is no line to let go of."""

    async def called(self, times: int = 1, *, seconds: float = 8) -> None:
        """Return once it was called so often."""
        for _ in range(int(seconds / LOOK_EVERY_S)):
            if len(self.calls) >= times:
                return
            await asyncio.sleep(LOOK_EVERY_S)
        assert len(self.calls) >= times


async def notifier(
    store: Store, directory: Directory, folder: Path, *, couriers: tuple[Courier, ...], limit: Limit | None = None
) -> Notifier:
    """Make a notifier whose mail goes through these couriers, in this order."""
    keyring = await Keyring.load(store, folder / "key")
    composer = Composer("https://tocsin.example", keyring)
    carriers = {"email": Carrier(limit, couriers)}
    return Notifier(store, directory, carriers=carriers, composer=composer, watch=Watch())


@asynccontextmanager
async def running(notifier: Notifier) -> AsyncIterator[asyncio.Task[None]]:
    """Let a notifier run, and stop it in order afterwards."""
    task = asyncio.create_task(notifier.run(), name="notify")
    try:
        yield task
    except BaseException:
        task.cancel()
        raise
    finally:
        notifier.close()
        await asyncio.wait([task], timeout=10)
    assert task.done(), "the notifier ends once it is closed"
    task.result()


@asynccontextmanager
async def turning(loop: Awaitable[None]) -> AsyncIterator[asyncio.Task[None]]:
    """Let one of the engine's loops turn, and see that it had not stopped by itself."""
    task = asyncio.ensure_future(loop)
    assert isinstance(task, asyncio.Task)
    try:
        yield task
        assert not task.done(), f"the loop ended by itself: {task}"
    finally:
        task.cancel()
        await asyncio.wait([task])


async def until(store: Store, question: str, wanted: list[Row], *, seconds: float = 8) -> None:
    """Return once the database answers so; say what it answered instead when it never does."""
    found: list[Row] = []
    for _ in range(int(seconds / LOOK_EVERY_S)):
        found = await rows(store, question)
        if found == wanted:
            return
        await asyncio.sleep(LOOK_EVERY_S)
    assert found == wanted


async def change(store: Store, *orders: str) -> None:
    """Change the configuration, and tell the caches."""

    async def job(turn: Turn) -> None:
        for order in orders:
            await turn.connection.execute(order.encode())
        await bump_config(turn)

    await store.work(job)


def wake(store: Store) -> None:
    """Wake the notifier, as when the clock of a test was moved."""
    store.hints.ring(Topic.PAGES)
