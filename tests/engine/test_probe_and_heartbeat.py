"""The probe goes once around the whole house and back, and a heartbeat that cannot be sent ends nothing."""

import asyncio
from pathlib import Path

from tests.engine.courier import turning
from tests.engine.scribe import rows
from tests.town.town import Town
from tocsin.app.heartbeat import Heartbeat
from tocsin.config import Config
from tocsin.engine.loops.auditor import Findings
from tocsin.store.keyring import Keyring
from tocsin.store.probe import prepare
from tocsin.store.turn import Store
from tocsin.wire import Wire

KEY = "f" * 32
PRIVATE = "http://192.168.1.10:9093/beat"  # an address that this program does not call unless a setting allows it


async def test_a_heartbeat_that_is_refused_ends_nothing(tmp_path: Path) -> None:
    wire = Wire()
    heartbeat = Heartbeat(wire, Config(data_dir=tmp_path, heartbeat_url=PRIVATE, heartbeat_every_s=1))
    await heartbeat.take(Findings({}))
    assert heartbeat.well, "so it does try to beat"
    async with turning(heartbeat.run()):
        await asyncio.sleep(1.3)
    await wire.close()


async def test_nodes_that_begin_to_probe_together_make_one_service(database: str, tmp_path: Path) -> None:
    stores = [Store(database, connections=2) for _ in range(3)]
    for store in stores:
        await store.open()
    keyring = await Keyring.load(stores[0], tmp_path / "key")
    await asyncio.gather(*(store.work(lambda turn: prepare(turn, KEY, keyring)) for store in stores * 2))
    assert await rows(stores[0], "SELECT count(*)::int FROM integration") == [(1,)]
    for store in stores:
        await store.close()


async def test_the_probe_measures_until_its_page_is_written_as_handed(town: Town) -> None:
    probe = town.house.probe
    wire = Wire(allowed_networks=("127.0.0.0/8",))
    await town.house.store.work(probe._prepare)
    took = await probe.once(wire, town.url)
    assert took is not None
    assert 0 < took < 10
    handed = "SELECT n.state, n.channel FROM notification n JOIN incident i ON i.id = n.incident_id"
    assert await rows(town.house.store, f"{handed} WHERE i.title LIKE 'Probe %%'") == [("handed", "echo")]
    await wire.close()
