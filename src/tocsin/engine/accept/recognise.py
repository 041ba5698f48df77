"""Recognise: which integration a routing key belongs to, known without asking the database for every event."""

import asyncio

import structlog

from tocsin.domain.services.integration import routing_key_hash
from tocsin.ground import clock
from tocsin.ground.errors import Refused, StoreUnavailable, Why
from tocsin.ground.ids import IntegrationId
from tocsin.store.hints import Topic
from tocsin.store.inbox import CONFIG_STAMP, INTEGRATIONS_OF_KEYS, KeyRow
from tocsin.store.turn import Store, Turn

log = structlog.get_logger("accept")

MOST_UNKNOWN_KEYS = 10_000  # keys remembered as nobody's, about a megabyte
MOST_KNOWN_KEYS = 200_000  # keys remembered as somebody's; an installation with more looks some up again
MOST_ASKED = 1000  # keys of one query
MOST_SOURCES = 10_000  # addresses whose wrong guesses are counted
GUESSES_PER_MINUTE = 300  # unknown keys from one address; 128 random bits need no more, a broken script is told
_STALE_AFTER_S = 1.0  # seconds until a change of configuration on another node is noticed without a hint
_LOOK_UP_S = 1.8  # seconds to find a key; a sender must hear a refusal within two
_MINUTE_S = 60.0

_GUESSING = "Too many unknown routing keys came from this address."


class Recogniser:
    """A cache of routing keys, dropped whenever the configuration changes."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._known: dict[str, IntegrationId] = {}
        self._familiar: set[str] = set()  # keys that were somebody's; a cleared cache must not make them guesses
        self._unknown: set[str] = set()
        self._asked: dict[str, asyncio.Future[IntegrationId | None]] = {}
        self._wake = asyncio.Event()
        self._stamp: int | None = None
        self._generation = 0  # grows when everything is forgotten; an answer from before must not be kept
        self._guesses: dict[str, int] = {}
        self._guesses_since = 0.0
        self._closing = False

    def known(self, key: str) -> IntegrationId | None:
        """Return the integration when the key was recognised before."""
        return self._known.get(key)

    async def find(self, key: str, source: str) -> IntegrationId | None:
        """Return the integration of this key, or None when it is nobody's.

        Raises `Refused` (throttled) when `source`, the sender's address, guessed too often in this minute, and
        `StoreUnavailable` when the database cannot be asked. Known keys are never slowed by other senders.
        """
        found = self._known.get(key)
        if found is not None:
            return found
        if key not in self._familiar:
            self._refuse_guesser(source)
        if key not in self._unknown:
            found = await self._ask(key)
        if found is None:
            self._guesses[source] = self._guesses.get(source, 0) + 1
        return found

    def _refuse_guesser(self, source: str) -> None:
        now = clock.seconds()
        if now - self._guesses_since > _MINUTE_S or len(self._guesses) > MOST_SOURCES:
            self._guesses.clear()
            self._guesses_since = now
        if self._guesses.get(source, 0) >= GUESSES_PER_MINUTE:
            raise Refused(Why.THROTTLED, _GUESSING)

    async def _ask(self, key: str) -> IntegrationId | None:
        if self._closing:
            raise StoreUnavailable("The program is stopping.")
        asked = self._asked.get(key)
        if asked is None:
            asked = self._asked[key] = asyncio.get_running_loop().create_future()
            self._wake.set()
        return await asyncio.shield(asked)

    def close(self) -> None:
        """Answer what was asked, then let `run` return."""
        self._closing = True
        self._wake.set()

    async def run(self) -> None:
        """Look keys up, many at a time, and forget them when the configuration changes."""
        async with asyncio.TaskGroup() as group:
            watch = group.create_task(self._watch())
            while not self._closing:
                await self._wake.wait()
                self._wake.clear()
                await self._answer_all()
            watch.cancel()

    async def _answer_all(self) -> None:
        while self._asked:
            keys = list(self._asked)[:MOST_ASKED]
            generation = self._generation
            try:
                found = await self._look_up(keys)
            except (StoreUnavailable, TimeoutError):
                self._settle(keys)
            except Exception:
                log.exception("accept.look_up_failed")  # the border of a loop: senders get an answer whatever it was
                self._settle(keys)
            else:
                self._remember(keys, found, keep=generation == self._generation)

    async def _look_up(self, keys: list[str]) -> dict[str, IntegrationId]:
        hashes = {routing_key_hash(key): key for key in keys}

        async def ask(turn: Turn) -> list[KeyRow]:
            return await turn.rows(INTEGRATIONS_OF_KEYS, {"hashes": list(hashes)})

        async with asyncio.timeout(_LOOK_UP_S):
            rows = await self._store.read(ask)
        return {hashes[bytes(row.hash)]: IntegrationId(row.id) for row in rows}

    def _remember(self, keys: list[str], found: dict[str, IntegrationId], *, keep: bool) -> None:
        """Answer, and keep what was found unless the configuration changed while the database was asked."""
        if len(self._unknown) > MOST_UNKNOWN_KEYS:
            self._unknown.clear()
        if len(self._known) > MOST_KNOWN_KEYS:
            self._known.clear()
            self._familiar.clear()
        self._familiar.difference_update(keys)
        self._familiar.update(found)
        for key in keys:
            answer = found.get(key)
            if keep and answer is None:
                self._unknown.add(key)
            elif keep and answer is not None:
                self._known[key] = answer
            asked = self._asked.pop(key)
            if not asked.done():
                asked.set_result(answer)

    def _settle(self, keys: list[str]) -> None:
        for key in keys:
            asked = self._asked.pop(key)
            if not asked.done():
                asked.set_exception(StoreUnavailable("The routing key cannot be looked up now."))
                asked.exception()  # nobody may be listening any more; that is no accident

    async def _watch(self) -> None:
        with self._store.hints.listening(Topic.CONFIG) as bell:
            while True:
                if await bell.wait(_STALE_AFTER_S):
                    self._forget()
                try:
                    await self._compare_stamp()
                except Exception as failure:  # noqa: BLE001 - the border of a loop: an absent database must not end it
                    log.info("accept.stamp_unread", failure=type(failure).__name__)

    async def _compare_stamp(self) -> None:
        stamp = (await self._store.glance(CONFIG_STAMP)).n
        if stamp != self._stamp:
            self._stamp = stamp
            self._forget()

    def _forget(self) -> None:
        self._generation += 1
        self._known.clear()
        self._unknown.clear()
