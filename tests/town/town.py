"""The town: a whole house that runs for real, people with mailboxes around it, and a clock that can be moved."""

import asyncio
import re
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from itertools import count
from pathlib import Path
from urllib.parse import urlsplit

import httpx2
from msgspec import Struct

from tests.town.mailbox import Mailbox, Received, mailbox
from tests.town.office import Json, Office, Person, Shop
from tests.town.webhook_sink import Sink, webhook_sink
from tocsin.app.house import House
from tocsin.app.run import Started, run
from tocsin.config import Config
from tocsin.domain.people.actor import SYSTEM
from tocsin.ground.ids import new_id
from tocsin.store import tokens
from tocsin.store.hints import Topic
from tocsin.store.query import Query
from tocsin.store.tokens import TokenDraft
from tocsin.store.turn import Turn

OWNER = "olga@town.example"
_LINK = re.compile(r"https?://\S+?/answer/[A-Za-z0-9._-]+")
_LOOK_EVERY_S = 0.01
_CALM_LOOKS = 4  # in a row, before the house counts as quiet: what follows a page's end is a transaction of its own


class Work(Struct, frozen=True):
    """What the house still has to do now, and the instant at which the next thing is due."""

    waiting: int
    next_at: datetime | None
    now: datetime


class Row(Struct, frozen=True):
    """One row as JSON."""

    row: Json


_WORK = Query(
    "what there is to do",
    """
    SELECT (SELECT count(*) FROM inbox)
           + (SELECT count(*) FROM timer WHERE due_at <= tocsin_now())
           + (SELECT count(*) FROM notification WHERE state = 'leased' OR (state = 'pending'
                AND due_at <= tocsin_now() AND NOT EXISTS (SELECT FROM setting WHERE key = 'hold'))) AS waiting,
           least((SELECT min(due_at) FROM timer WHERE due_at > tocsin_now()),
                 (SELECT min(due_at) FROM notification WHERE state = 'pending' AND due_at > tocsin_now())) AS next_at,
           tocsin_now() AS now
    """,
    row=Work,
)
_INCIDENTS = Query(
    "incidents, oldest first",
    "SELECT to_jsonb(i) - 'number' || jsonb_build_object('number', i.number) AS row FROM incident i ORDER BY number",
    row=Row,
)
_TIMELINE = Query(
    "the timeline of an incident",
    "SELECT to_jsonb(l) AS row FROM log_entry l WHERE incident_id = %(id)s ORDER BY at, id",
    row=Row,
)
_PAGES = Query(
    "the pages of an incident",
    "SELECT to_jsonb(n) AS row FROM notification n WHERE incident_id = %(id)s ORDER BY id",
    row=Row,
)


@dataclass
class Town:
    """One house or several on one database, and the people and machines that they know."""

    mailbox: Mailbox
    spare_mailbox: Mailbox
    sink: Sink
    config: Config
    started: list[Started] = field(default_factory=list)
    offices: list[Office] = field(default_factory=list)
    keys: "count[int]" = field(default_factory=lambda: count(1))
    token: str = ""

    @property
    def house(self) -> House:
        """The first house."""
        return self.started[0].house

    @property
    def office(self) -> Office:
        """The API of the first house."""
        return self.offices[0]

    @property
    def url(self) -> str:
        """Where the first house listens."""
        return self.started[0].http_url

    # ---------------------------------------------------------------- what tools do

    async def event(
        self,
        shop: Shop,
        summary: str,
        *,
        action: str = "trigger",
        key: str | None = None,
        severity: str = "critical",
    ) -> str:
        """Send an event, let the house do all that follows, and return the dedup key."""
        key = await self.send(shop, summary, action=action, key=key, severity=severity)
        await self.settle()
        return key

    async def send(
        self,
        shop: Shop,
        summary: str,
        *,
        action: str = "trigger",
        key: str | None = None,
        severity: str = "critical",
    ) -> str:
        """Send an event, and return its dedup key as soon as it is accepted."""
        key = key or f"key-{next(self.keys)}"
        payload = {"summary": summary, "source": "town", "severity": severity}
        body = {"routing_key": shop.key, "event_action": action, "dedup_key": key, "payload": payload}
        answer = await self.offices[0].client.post("/v2/enqueue", json=body)
        assert answer.status_code == 202, answer.text
        return key

    async def resolve(self, shop: Shop, key: str) -> None:
        """Let the tool say that it is over."""
        await self.event(shop, "it is over", action="resolve", key=key)

    # ---------------------------------------------------------------- the clock

    async def now(self) -> datetime:
        """Return the town's instant."""
        return (await self._work()).now

    async def sleep(self, *, minutes: float = 0, hours: float = 0) -> None:
        """Let time go by, and let everything that becomes due on the way happen at its instant."""
        await self.settle()
        until = (await self._work()).now + timedelta(minutes=minutes, hours=hours)
        while True:
            work = await self._work()
            if work.next_at is None or work.next_at > until:
                break
            await self._move(work.next_at - work.now + timedelta(milliseconds=1))
        await self._move(max(until - (await self._work()).now, timedelta()))

    async def jump(self, *, minutes: float = 0, hours: float = 0) -> None:
        """Move the clock at once, as after downtime: what fell due on the way is late now."""
        await self.settle()
        await self._move(timedelta(minutes=minutes, hours=hours))

    async def set_clock(self, instant: datetime) -> None:
        """Begin the story at this instant."""
        await self._move(instant - (await self._work()).now)

    async def _move(self, by: timedelta) -> None:
        for started in self.started:
            started.house.store.clock_shift += by
        for topic in (Topic.TIMERS, Topic.PAGES):
            self.house.store.hints.ring(topic)
        await self.settle()

    async def settle(self, *, seconds: float = 20) -> None:
        """Return when the house has nothing more to do at this instant."""
        calm = 0
        async with asyncio.timeout(seconds):
            while calm < _CALM_LOOKS:
                calm = 0 if (await self._work()).waiting else calm + 1
                await asyncio.sleep(_LOOK_EVERY_S)

    async def _work(self) -> Work:
        return await self.house.store.read(lambda turn: turn.one(_WORK))

    # ---------------------------------------------------------------- what people see and do

    def letters(self, person: Person) -> list[Received]:
        """Return the letters that somebody got, by whichever server."""
        return [*self.mailbox.to(person.email), *self.spare_mailbox.to(person.email)]

    def subjects(self, person: Person) -> list[str]:
        """Return the subjects of the letters that somebody got."""
        return [str(letter.mail["Subject"]) for letter in self.letters(person)]

    async def letter(self, person: Person, number: int = 1, *, seconds: float = 15) -> Received:
        """Return somebody's letter of this number, once it is there."""
        async with asyncio.timeout(seconds):
            while len(self.letters(person)) < number:  # noqa: ASYNC110 - two mailboxes may get it
                await asyncio.sleep(_LOOK_EVERY_S)
        return self.letters(person)[number - 1]

    async def click(self, letter: Received, word: str) -> str:
        """Follow the link under this word and press the button on its page; return the text of the answer."""
        link = link_under(letter, word)
        page = await self.open(link)
        if "<button" in page:
            page = await self.press(link)
        return page

    async def open(self, link: str) -> str:
        """Only open a link, as a mail scanner does; return the page."""
        return await self._visit("GET", link)

    async def press(self, link: str) -> str:
        """Press the button on the page behind a link; return the page that follows."""
        page = await self._visit("POST", link)
        await self.settle()
        return page

    async def _visit(self, method: str, link: str) -> str:
        async with httpx2.AsyncClient(base_url=self.url, trust_env=False) as browser:
            answer = await browser.request(method, urlsplit(link).path, headers={"accept": "text/html"})
        return answer.text

    # ---------------------------------------------------------------- what stands in the database

    async def incidents(self) -> list[Json]:
        """Return the rows of all incidents, oldest first."""
        return [found.row for found in await self.house.store.read(lambda turn: turn.rows(_INCIDENTS))]

    async def only_incident(self) -> Json:
        """Return the row of the one incident that there is."""
        (incident,) = await self.incidents()
        return incident

    async def timeline(self, incident_id: str) -> list[Json]:
        """Return the log entries of an incident, oldest first."""
        return await self._rows(_TIMELINE, incident_id)

    async def happened(self, incident_id: str) -> list[str]:
        """Return the kinds of an incident's log entries, oldest first."""
        return [entry["kind"] for entry in await self.timeline(incident_id)]

    async def pages(self, incident_id: str) -> list[Json]:
        """Return the notifications of an incident, oldest first."""
        return await self._rows(_PAGES, incident_id)

    async def _rows(self, query: Query[Row], incident_id: str) -> list[Json]:
        return [found.row for found in await self.house.store.read(lambda turn: turn.rows(query, {"id": incident_id}))]


def link_under(letter: Received, word: str) -> str:
    """Return the link in a letter that stands behind this word."""
    for line in letter.text().splitlines():
        found = _LINK.search(line)
        if found and line.lower().startswith(word.lower()):
            return found[0]
    raise AssertionError(f"the letter has no link {word!r}:\n{letter.text()}")


def said_in(mail: EmailMessage) -> str:
    """Return the plain text of a mail."""
    part = mail.get_body(("plain",))
    assert part is not None
    return str(part.get_content())


def config_of(folder: Path, dsn: str, servers: Sequence[Mapping[str, object]]) -> Config:
    """Return the configuration of a house of the town."""
    return Config(
        data_dir=folder / "data",
        database_url=dsn,
        node_name="tocsin.town",
        http="127.0.0.1:0",
        https="127.0.0.1:0",
        tls="off",
        private_networks=("127.0.0.0/8",),
        channels={
            "email": {"sender": "Tocsin <tocsin@town.example>", "servers": [dict(server) for server in servers]},
            "console": {"path": str(folder / "console.txt")},
        },
    )


@asynccontextmanager
async def a_town(dsn: str, folder: Path, *, houses: int = 1, config: Config | None = None) -> AsyncIterator[Town]:
    """Run so many houses on one database, with their mailboxes, until the story ends."""
    async with mailbox() as box, mailbox() as spare, webhook_sink() as sink:
        servers = [{"host": server.host, "port": server.port, "security": "plain"} for server in (box, spare)]
        town = Town(box, spare, sink, config or config_of(folder, dsn, servers))
        async with asyncio.TaskGroup() as group:
            stop = asyncio.Event()
            try:
                for _ in range(houses):
                    await move_in(group, town, stop)
                yield town
            finally:
                for office in town.offices:
                    await office.client.aclose()
                stop.set()


async def move_in(group: asyncio.TaskGroup, town: Town, stop: asyncio.Event) -> None:
    """Start one more house and open its office."""
    ready: asyncio.Future[Started] = asyncio.get_running_loop().create_future()

    async def live() -> None:
        try:
            await run(town.config, stop, tell=lambda _line: None, started=ready.set_result)
        except BaseException as failure:
            if not ready.done():
                ready.set_exception(failure)
            raise

    group.create_task(live(), name="house")
    started = await ready
    if not town.token:
        town.token = await started.house.store.work(found_the_town)
    elif town.started:
        started.house.store.clock_shift = town.house.store.clock_shift
    town.started.append(started)
    town.offices.append(Office(started.http_url, town.token, OWNER))


async def found_the_town(turn: Turn) -> str:
    """Make the owner and the account's token, as the set-up does."""
    await turn.connection.execute(
        """
        INSERT INTO app_user (id, name, email, role) VALUES (%(id)s, 'Olga', %(email)s, 'owner');
        """,
        {"id": (owner_id := new_id()), "email": OWNER},
    )
    await turn.connection.execute(
        """
        INSERT INTO contact_method (id, user_id, channel, label, address)
        VALUES (%(id)s, %(user_id)s, 'email', 'Default', %(email)s)
        """,
        {"id": new_id(), "user_id": owner_id, "email": OWNER},
    )
    _, clear = await tokens.create(turn, SYSTEM, TokenDraft(name="town"))
    return clear


MONDAY = datetime(2027, 3, 1, 9, 0, tzinfo=UTC)  # the first instant of stories that depend on the hour
