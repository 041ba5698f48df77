"""Migrate: bringing the database to this version's shape, or seeing whether it has it."""

import click

from tocsin.cli.ending import Exit
from tocsin.cli.frame import Frame, Word


@click.command("migrate", cls=Word)
@click.option("--check", is_flag=True, help="Change nothing; end with code 5 when something is missing.")
@click.pass_context
def migrate(context: click.Context, frame: Frame, *, check: bool) -> None:
    """Apply what the database is missing, each step in a transaction of its own.

    A node does at its start what it needs itself. This command also does the steps that must wait until every node runs
    the new version.
    """
    from tocsin.cli.database import address, in_loop
    from tocsin.store import migrate as migrations

    async def whole() -> list[str]:
        async with address(frame.config(), frame.screen.tell, fresh=not check) as dsn:
            return await _missing(dsn) if check else await migrations.migrate(dsn)

    names = in_loop(whole)
    if frame.screen.for_programs:
        frame.screen.data({"missing" if check else "applied": names})
    else:
        verb = "missing" if check else "applied"
        frame.screen.table((verb,), [(name,) for name in names], empty="The database has the shape of this version.")
    if check and names:
        context.exit(Exit.TROUBLE)


COMMAND = migrate


async def _missing(dsn: str) -> list[str]:
    """Return the steps that the database does not have; raise `SchemaTooNew` for a newer one."""
    import psycopg

    from tocsin.store import migrate as migrations
    from tocsin.store.health import STEPS

    try:
        async with await psycopg.AsyncConnection.connect(dsn, autocommit=True) as connection:
            done = {row[0] for row in await (await connection.execute(STEPS.sql)).fetchall()}
    except psycopg.errors.UndefinedTable:
        done = set()
    else:
        await migrations.refuse_newer_schema(dsn)
    return [f"{one.number:04d}_{one.name}" for one in migrations.known() if one.number not in done]
