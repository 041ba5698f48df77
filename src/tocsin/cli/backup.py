"""Backup: everything the database knows, in one file, while the program goes on working."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from tocsin.cli.frame import Frame, Word
from tocsin.cli.steps import Steps

if TYPE_CHECKING:
    from tocsin.store.backup import Manifest


@click.command("backup", cls=Word)
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
def backup(frame: Frame, file: Path) -> None:
    """Write a backup of one instant to FILE, which must not exist.

    The program may run meanwhile. Secrets stay sealed: keep the key file apart from the backup.
    """
    from tocsin.cli.database import address, in_loop
    from tocsin.store.backup import KEY_NOTE
    from tocsin.store.backup import backup as save

    async def whole() -> "Manifest":
        async with address(frame.config(), frame.screen.tell) as dsn:
            with Steps(frame.screen) as steps:
                return await save(dsn, file, steps.take)

    manifest = in_loop(whole)
    size = file.stat().st_size
    if frame.screen.for_programs:
        frame.screen.data({"file": str(file), "bytes": size, "rows": manifest.rows, "saved_at": manifest.saved_at})
        return
    frame.screen.say(f"{file}: {manifest.rows} rows, {size / 1e6:.1f} MB.")
    frame.screen.say(f"{KEY_NOTE}\nThe key file is {frame.config().master_key_file}.")


COMMAND = backup
