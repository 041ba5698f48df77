"""The house: every room, built from the configuration in the order in which each needs the others."""

from datetime import timedelta
from typing import Literal

import msgspec
from msgspec import Struct

from tocsin import __version__
from tocsin.api.body import App
from tocsin.api.events import doors
from tocsin.api.hooks import hooks
from tocsin.api.receivers import Receivers
from tocsin.api.rest import rest_app
from tocsin.api.shell import Checks, Shell, nobody_home
from tocsin.app.answering import Answering
from tocsin.app.heartbeat import Heartbeat
from tocsin.app.probe import Probe
from tocsin.channels import discovered
from tocsin.config import Config
from tocsin.domain.events.pace import Allowance
from tocsin.domain.incidents.agent import Agent, Via
from tocsin.domain.incidents.order import By
from tocsin.domain.people.actor import Actor
from tocsin.engine import respond
from tocsin.engine.accept import Accept
from tocsin.engine.loops.auditor import Auditor
from tocsin.engine.loops.calendars import CalendarLoop
from tocsin.engine.loops.coverage import CoverageLoop
from tocsin.engine.loops.covers import CoversLoop
from tocsin.engine.loops.handoffs import HandoffLoop
from tocsin.engine.loops.holidays import HolidayLoop
from tocsin.engine.loops.keeper import Keeper, Node
from tocsin.engine.loops.lanes import LaneLoop
from tocsin.engine.loops.timers import TimerLoop
from tocsin.engine.notify import Carrier, Noticer, Notifier
from tocsin.engine.notify.compose import Composer
from tocsin.engine.watch import Watch
from tocsin.ground.errors import Refused, StoreUnavailable, Why
from tocsin.ground.ids import new_id
from tocsin.logins import Authenticator
from tocsin.store.directory import Directory
from tocsin.store.keyring import Keyring
from tocsin.store.requests import RequestBook
from tocsin.store.turn import Store, Turn
from tocsin.web import Pages
from tocsin.wire import Wire
from tocsin.wire.fetch import Documents

_ENGINE_CONNECTIONS = 8  # of its own: slow lists at the doors must not keep the engine waiting
_LONGEST_STALL = timedelta(seconds=20)  # of a loop beyond its own pause


class House(Struct):
    """All rooms of one process, joined. The REST kit and the command line reach them by these names.

    `store` is the database as the doors see it, `engine` the same with connections that the doors cannot take.
    """

    config: Config
    store: Store
    engine: Store
    keyring: Keyring
    directory: Directory
    authenticate: Authenticator
    accept: Accept
    book: RequestBook
    wire: Wire
    watch: Watch
    carriers: dict[str, Carrier]
    lanes: LaneLoop
    timers: TimerLoop
    notifier: Notifier
    noticer: Noticer
    handoffs: HandoffLoop
    covers: CoversLoop
    coverage: CoverageLoop
    calendars: CalendarLoop
    holidays: HolidayLoop
    keeper: Keeper
    auditor: Auditor
    heartbeat: Heartbeat
    probe: Probe
    shell: Shell | None = None

    @property
    def application(self) -> Shell:
        """Return the ASGI application of this node."""
        if self.shell is None:
            raise RuntimeError("the house has no doors yet")
        return self.shell

    async def resolve_open_incidents(self, turn: Turn, service_id: str, actor: Actor) -> None:
        """Resolve what is open on a service that is deleted in this transaction."""
        kind: Literal["user", "system"] = "user" if actor.kind == "user" else "system"
        by = By(Agent(kind, actor.id, actor.name), Via("api", "the service was deleted"), strict=False)
        await respond.resolve_all(turn, self.directory, service_id, by=by)

    def healthy(self) -> bool:
        """Say whether every loop of the engine has come round lately."""
        return not self.watch.stalled(_LONGEST_STALL)

    async def close(self) -> None:
        """Let go of what was opened, in the opposite order."""
        for carrier in self.carriers.values():
            for provider in carrier.providers:
                await provider.close()
        await self.wire.close()
        await self.engine.close()
        await self.store.close()


async def build_house(config: Config, dsn: str) -> House:
    """Open the store and build every room on it.

    Raises `StoreUnavailable`, `KeyFault` or `Refused` with what to do.
    """
    store = Store(dsn, connections=config.database_connections, prepare=config.database_prepare)
    await store.open()
    engine = Store(dsn, connections=_ENGINE_CONNECTIONS, prepare=config.database_prepare, beside=store)
    await engine.open()
    keyring = await Keyring.load(store, config.master_key_file)
    watch = Watch()
    directory = Directory()
    wire = _wire(config)
    carriers = _carriers(config, wire)
    accept = Accept(store, allowance=Allowance(per_minute=config.events_per_minute))
    node = Node(new_id(), config.node_name, __version__, config.duties)
    heartbeat = Heartbeat(wire, config)
    composer = Composer(config.public_url, keyring)
    documents = Documents(allowed_networks=config.private_networks)
    house = House(
        config=config,
        store=store,
        engine=engine,
        keyring=keyring,
        directory=directory,
        authenticate=Authenticator(store),
        accept=accept,
        book=RequestBook(store),
        wire=wire,
        watch=watch,
        carriers=carriers,
        lanes=LaneLoop(engine, directory, hinted=accept.take_hinted, watch=watch),
        timers=TimerLoop(engine, directory, watch=watch),
        notifier=Notifier(engine, directory, carriers=carriers, composer=composer, watch=watch),
        noticer=Noticer(engine, carriers=carriers, composer=composer, watch=watch),
        handoffs=HandoffLoop(engine, directory, holder=node.id, watch=watch),
        covers=CoversLoop(engine, holder=node.id, watch=watch),
        coverage=CoverageLoop(engine, holder=node.id, watch=watch),
        calendars=CalendarLoop(engine, keyring, documents),
        holidays=HolidayLoop(engine, keyring, documents),
        keeper=Keeper(
            engine,
            node,
            audit_key=keyring.derive("audit"),
            events_kept_for=timedelta(days=config.events_kept_for_days),
            watch=watch,
        ),
        auditor=Auditor(engine, directory, watch=watch, report=heartbeat.take),
        heartbeat=heartbeat,
        probe=Probe(store, keyring, watch=watch, heartbeat=heartbeat),
    )
    house.shell = _shell(house)
    return house


def _shell(house: House) -> Shell:
    async def ready() -> str | None:
        try:
            await house.store.work(_write_nothing)
        except StoreUnavailable as failure:
            return str(failure)
        return None

    pages = Pages(
        house.store,
        house.keyring,
        Answering(house.store, house.directory),
        public_url=house.config.public_url,
    )
    checks = Checks(ready=ready, metrics=house.watch.exposition)
    duties = house.config.duties
    return Shell(
        doors=_doors(house) if "accept" in duties else {},
        rest=rest_app(house) if "api" in duties else nobody_home,
        web=pages if "api" in duties else nobody_home,
        checks=checks,
    )


def _doors(house: House) -> dict[str, App]:
    """Return the doors of the Events API and that of the tools' own webhooks."""
    return doors(house.accept) | hooks(house.accept, Receivers(house.store, house.keyring), house.book)


async def _write_nothing(_turn: Turn) -> None:
    """Take a transaction id and commit: possible only where the database can be written to."""


def _wire(config: Config) -> Wire:
    try:
        return Wire(allowed_networks=config.private_networks, our_name=config.node_name)
    except ValueError as failure:
        raise Refused(Why.INVALID, f"The setting private_networks is wrong: {failure}") from failure


def _carriers(config: Config, wire: Wire) -> dict[str, Carrier]:
    """Build the channels that are in the folder with what the configuration says about each."""
    channels = discovered()
    unknown = sorted(set(config.channels) - set(channels))
    if unknown:
        raise Refused(Why.INVALID, f"There is no channel {unknown[0]!r}; there are {', '.join(channels)}.")
    carriers = {}
    for kind, channel in channels.items():
        try:
            settings = msgspec.convert(config.channels.get(kind, {}), channel.settings)
        except msgspec.ValidationError as failure:
            raise Refused(Why.INVALID, f"The settings of channel {kind} are wrong: {failure}") from failure
        carriers[kind] = Carrier(channel.limit, channel.providers(settings, wire))
    return carriers
