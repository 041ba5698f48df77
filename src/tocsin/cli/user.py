"""User: adding people from a shell, and the first owner of a machine without a browser."""

import sys

import click
from msgspec import Struct

from tocsin.cli.ending import Ended, Exit
from tocsin.cli.frame import Frame, Words, filled
from tocsin.cli.node import Node
from tocsin.domain.people.role import Role

_COLUMNS = ("name", "e-mail", "role", "time zone", "id")


class Wanted(Struct):
    """The options of `user create`."""

    name: str
    email: str
    role: str
    time_zone: str
    local: bool
    password_stdin: bool


@click.group("user", cls=Words)
def user() -> None:
    """Add and list people."""


COMMAND = user


@user.command("create", cls=filled(Wanted))
@click.argument("name")
@click.argument("email")
@click.option("--role", type=click.Choice([role.value for role in Role]), default="user", show_default=True)
@click.option("--time-zone", default="Etc/UTC", show_default=True)
@click.option("--local", is_flag=True, help="Make the first owner, in the database of this machine, without a token.")
@click.option("--password-stdin", is_flag=True, help="With --local: read the owner's password from standard input.")
def create(frame: Frame, form: Wanted) -> None:
    """Add a person, who is paged by e-mail until they choose otherwise."""
    if form.local:
        _first_owner(frame, form)
        return
    body = {"type": "user", "name": form.name, "email": form.email, "role": form.role, "time_zone": form.time_zone}
    with Node(frame) as node:
        made = node.post("/users", {"user": body})["user"]
    if frame.screen.for_programs:
        frame.screen.data({"user": made})
    else:
        frame.screen.table(_COLUMNS, [(made["name"], made["email"], made["role"], made["time_zone"], made["id"])])


@user.command("list")
@click.option("--query", help="Only people whose name or address holds this text.")
@click.option("--limit", "most", default=100, show_default=True, type=click.IntRange(1))
def list_users(frame: Frame, query: str | None, most: int) -> None:
    """List people by name."""
    with Node(frame) as node:
        rows = list(node.rows("/users", "users", {"query": query} if query else {}, most=most))
    if frame.screen.for_programs:
        frame.screen.data({"users": rows})
        return
    lines = [(row["name"], row["email"], row["role"], row["time_zone"], row["id"]) for row in rows]
    frame.screen.table(_COLUMNS, lines, empty="There is nobody.")


def _first_owner(frame: Frame, form: Wanted) -> None:
    """Set this installation up from the shell: whoever may read its files may own it."""
    from tocsin.cli.database import with_store
    from tocsin.ground.errors import Refused, Why
    from tocsin.store import setup
    from tocsin.store.keyring import Keyring
    from tocsin.store.setup import Claimed
    from tocsin.store.turn import Store
    from tocsin.web.claim import Details, SetupPage

    password = _password(from_stdin=form.password_stdin)

    async def job(store: Store, _keyring: Keyring) -> Claimed:
        token = await setup.prepare(store)
        if token is None:
            raise Refused(
                Why.CONFLICT,
                "This installation has an owner already, who adds people over the API. For a token of an existing "
                "person: tocsin token create NAME --local --user EMAIL",
            )
        said = Details(token=token, name=form.name, email=form.email, password=password, time_zone=form.time_zone)
        return await SetupPage(store).claim(said)

    claimed = with_store(frame, job, fresh=True)
    if frame.screen.for_programs:
        frame.screen.data({"user": {"id": claimed.user_id, "role": "owner"}, "api_token": claimed.api_token})
        return
    frame.screen.say(f"{form.name} owns this installation. Their first API token, shown this once:\n")
    frame.screen.say(f"  {claimed.api_token}\n\nUse it as: export TOCSIN_TOKEN=…")


def _password(*, from_stdin: bool) -> str:
    if from_stdin:
        return sys.stdin.readline().rstrip("\r\n")
    if not sys.stdin.isatty():
        raise Ended(Exit.USAGE, "There is no terminal to ask for the password: give it with --password-stdin.")
    answer: str = click.prompt("Password (12 characters or more)", hide_input=True, confirmation_prompt=True, err=True)
    return answer
