"""Accept: the first step of an event, from a recognised sender to a committed row of the inbox."""

import asyncio
from collections.abc import Sequence

from msgspec import Struct, field

from tocsin.domain.events import Allowance, Bucket, lane_of
from tocsin.engine.accept.recognise import Recogniser
from tocsin.engine.accept.write import Waiting, Writer
from tocsin.ground import clock
from tocsin.ground.errors import Refused, Why
from tocsin.ground.ids import IntegrationId
from tocsin.store.hints import Topic
from tocsin.store.inbox import Inbox
from tocsin.store.turn import Store

_PRESSING = 32  # events that wait for their commit at once: the doors need the processor more than the engine does
_EVERY_MINUTE = "This routing key may send {} events each minute."


class Hinted(Struct):
    """What the doors stored since they were last asked: from which calm senders, and whether any sender floods.

    `pressing` says that many events wait for their commit just now.
    """

    calm: set[str] = field(default_factory=set)
    flooded: bool = False
    pressing: bool = False


class Accept:
    """Takes events from every door of this process; `run` must be running while doors are open."""

    def __init__(self, store: Store, *, allowance: Allowance | None = None) -> None:
        self._hints = store.hints
        self._allowance = allowance or Allowance()
        self._recogniser = Recogniser(store)
        self._writer = Writer(Inbox(store.dsn), self._stored)
        self._buckets: dict[str, Bucket] = {}
        self._hinted = Hinted()
        self.stored = 0
        self.throttled = 0

    async def run(self) -> None:
        """Serve until `close`; then answer every event that waits, and return."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._writer.run())
            group.create_task(self._recogniser.run())

    def close(self) -> None:
        """Refuse new events from now on and let `run` end once the waiting ones are answered."""
        self._recogniser.close()
        self._writer.close()

    @property
    def waiting(self) -> int:
        """How many events wait for their commit; a metric."""
        return self._writer.waiting

    def known(self, key: str) -> IntegrationId | None:
        """Return the integration of a routing key that was recognised lately."""
        return self._recogniser.known(key)

    async def recognise(self, key: str, source: str) -> IntegrationId | None:
        """Return the integration of this routing key, or None when it is nobody's.

        `source` is the sender's address, whose guesses are counted. Raises `Refused` (throttled) when it guessed
        too often, `StoreUnavailable` when the key cannot be looked up.
        """
        return await self._recogniser.find(key, source)

    def admit(self, integration_id: IntegrationId) -> None:
        """Count one event of this integration; raise `Refused` (throttled) when its allowance is used up."""
        now = clock.seconds()
        bucket = self._buckets.get(integration_id)
        if bucket is None:
            bucket = self._buckets[integration_id] = Bucket(self._allowance, now)
        if not bucket.take(now):
            self.throttled += 1
            raise Refused(Why.THROTTLED, _EVERY_MINUTE.format(self._allowance.per_minute))

    async def put(self, integration_id: IntegrationId, kind: str, *, dedup_key: str, body: bytes) -> None:
        """Return once the event is committed and flushed to disk.

        `kind` is `event` or `change`, `body` the UTF-8 JSON of an `Event` or `Change`. Events with the same
        integration and dedup key are kept in the order of these calls. Raises `Refused` (throttled) when too many
        events wait, and `StoreUnavailable` when the event was not stored or that is not known: the sender must
        repeat it, and its dedup key makes that harmless.
        """
        self._writer.admit(len(body))
        bucket = self._buckets.get(integration_id)
        integration = integration_id.encode()
        answer: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._writer.add(
            Waiting(
                lane_of(integration, dedup_key.encode()),
                integration,
                kind.encode(),
                body,
                bucket is not None and bucket.busy,
                clock.seconds(),
                answer,
            )
        )
        await answer

    def take_hinted(self) -> Hinted:
        """Return what was stored since the last call, and forget it.

        Whoever serves the calm senders first keeps one noisy tool from delaying everybody's pages.
        """
        hinted, self._hinted = self._hinted, Hinted()
        hinted.pressing = self._writer.waiting > _PRESSING
        return hinted

    def _stored(self, batch: Sequence[Waiting]) -> None:
        self.stored += len(batch)
        hinted = self._hinted
        for waiting in batch:
            if waiting.busy:
                hinted.flooded = True
            else:
                hinted.calm.add(waiting.integration_id.decode())
        self._hints.ring(Topic.LANES)
