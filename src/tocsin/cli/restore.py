"""Restore: a backup back into an empty database, with every page on hold until a person lets them go."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from tocsin.cli.frame import Frame, Word
from tocsin.cli.screen import when
from tocsin.cli.steps import Steps
from tocsin.config import Config

if TYPE_CHECKING:
    from tocsin.store.backup import Manifest


@click.command("restore", cls=Word)
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--replace", is_flag=True, help="Throw away what the database holds now.")
def restore(frame: Frame, file: Path, *, replace: bool) -> None:
    """Fill the database from the backup FILE, whole or not at all. Stop every node first.

    Afterwards all pages are on hold: what was true when the backup was made may be over. `tocsin release` lets them go.
    """
    from tocsin.app.run import database
    from tocsin.cli.database import in_loop
    from tocsin.store.backup import read_manifest
    from tocsin.store.backup import restore as fill
    from tocsin.store.migrate import migrate

    config = frame.config()
    manifest = read_manifest(file)

    async def whole() -> "Manifest":
        async with database(config, frame.screen.tell) as dsn:
            await migrate(dsn, phases=_phases(manifest))
            await _refuse_live_nodes(config, dsn)
            with Steps(frame.screen) as steps:
                return await fill(dsn, file, steps.take, replace=replace)

    in_loop(whole)
    if frame.screen.for_programs:
        frame.screen.data({"rows": manifest.rows, "saved_at": manifest.saved_at, "on_hold": True})
        return
    frame.screen.say(f"Restored {manifest.rows} rows as of {when(manifest.saved_at)}.")
    if not config.master_key_file.exists():
        frame.screen.say(f"Put the key file of that installation at {config.master_key_file} before you start it.")
    frame.screen.say("All pages are on hold. Start a node, look at the open incidents, then run: tocsin release")


COMMAND = restore


def _phases(manifest: "Manifest") -> tuple[str, ...]:
    """Return which steps the database needs to have the backup's shape."""
    from tocsin.store.migrate import known

    late = {migration.number for migration in known() if migration.phase == "post"}
    return ("pre", "post") if late & {step.number for step in manifest.schema} else ("pre",)


async def _refuse_live_nodes(config: Config, dsn: str) -> None:
    """Refuse to restore under running nodes of a database that we did not start ourselves."""
    from tocsin.ground.errors import Refused, Why
    from tocsin.store.health import LIVE_NODES
    from tocsin.store.turn import Store

    if not config.database_url:
        return
    store = Store(dsn, connections=1)
    await store.open()
    try:
        nodes = await store.read(lambda turn: turn.rows(LIVE_NODES))
    finally:
        await store.close()
    if nodes:
        names = ", ".join(node.name for node in nodes)
        raise Refused(
            Why.IN_USE, f"Nodes were at work within the last 90 seconds: {names}. Stop them, wait, and restore then."
        )
