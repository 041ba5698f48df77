"""Release: letting pages go that a restore has put on hold."""

import click
from msgspec import Struct

from tocsin.cli.frame import Frame, Word
from tocsin.ground.limits import FIRST_PAGE_LATE
from tocsin.store.held import HeldRow


class Found(Struct, frozen=True):
    """Whether pages were on hold, and what waited for whom."""

    held: bool
    waiting: list[HeldRow]


@click.command("release", cls=Word)
@click.option("--dry-run", is_flag=True, help="Only say what waits.")
@click.option("--yes", is_flag=True, help="Do not ask.")
def release(frame: Frame, *, dry_run: bool, yes: bool) -> None:
    """Let the pages go that are on hold since a restore.

    Says first how many wait for whom. What is more than 15 minutes late is told to each person in one digest.
    """
    found = _look(frame)
    if not frame.screen.for_programs:
        _show(frame, found)
    lifted = False
    if found.held and not dry_run:
        if not yes:
            click.confirm("Let these pages go now?", abort=True, err=True)
        lifted = _lift(frame)
    if frame.screen.for_programs:
        frame.screen.data({"held": found.held, "released": lifted, "waiting": found.waiting})
    elif lifted:
        frame.screen.say("Released: pages leave within a second while a node runs.")


COMMAND = release


def _look(frame: Frame) -> Found:
    from tocsin.cli.database import with_store
    from tocsin.store.held import held, on_hold
    from tocsin.store.keyring import Keyring
    from tocsin.store.turn import Store, Turn

    async def job(turn: Turn) -> Found:
        return Found(await on_hold(turn), await held(turn, late=FIRST_PAGE_LATE))

    async def whole(store: Store, _keyring: Keyring) -> Found:
        return await store.read(job)

    return with_store(frame, whole)


def _lift(frame: Frame) -> bool:
    from tocsin.cli.database import with_store
    from tocsin.store.held import release as let_go
    from tocsin.store.keyring import Keyring
    from tocsin.store.turn import Store

    async def whole(store: Store, _keyring: Keyring) -> bool:
        return await store.work(let_go)

    return with_store(frame, whole)


def _show(frame: Frame, found: Found) -> None:
    if not found.held:
        frame.screen.say("Pages are not on hold.")
        return
    rows = [(row.person, row.pages, _promise(row)) for row in found.waiting]
    frame.screen.table(("person", "pages", "what they will get"), rows, empty="No page waits.")


def _promise(row: HeldRow) -> str:
    """Return what a person gets when their pages are let go."""
    single = row.pages - row.late
    parts = [f"one digest of {row.late} open incidents per contact method"] if row.late else []
    parts += [f"{single} pages"] if single else []
    return " and ".join(parts)
