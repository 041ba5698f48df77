"""Keys: renewing what seals the secrets in the database."""

import click

from tocsin.cli.frame import Frame, Words

LEARNED_AFTER_S = 12.0  # nodes look for new keys every ten seconds


@click.group("keys", cls=Words)
def keys() -> None:
    """Renew the keys that seal secrets."""


COMMAND = keys


@keys.command("rotate")
def rotate(frame: Frame) -> None:
    """Make a new data key and seal every secret with it.

    Nodes that run get some seconds to learn the key before anything is sealed with it. It may be interrupted and run
    again. Secrets sealed with an older key still open.
    """
    import asyncio

    from tocsin.cli.database import with_store
    from tocsin.store.health import LIVE_NODES
    from tocsin.store.keyring import Keyring
    from tocsin.store.turn import Store

    async def whole(store: Store, keyring: Keyring) -> tuple[str, int]:
        key_id = await keyring.rotate(store)
        if await store.read(lambda turn: turn.rows(LIVE_NODES)):
            await asyncio.sleep(LEARNED_AFTER_S)
        return key_id, await keyring.reseal(store)

    key_id, changed = with_store(frame, whole)
    if frame.screen.for_programs:
        frame.screen.data({"key": key_id, "resealed": changed})
    else:
        frame.screen.facts({"new key": key_id, "secrets sealed with it": changed})
