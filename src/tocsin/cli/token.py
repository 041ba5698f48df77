"""Token: making API tokens, which are shown once, and revoking them."""

from datetime import UTC, datetime

import click
from msgspec import Struct

from tocsin.cli.frame import Frame, Words, filled
from tocsin.cli.node import Json, Node
from tocsin.cli.screen import when

_COLUMNS = ("name", "ends in", "of", "rights", "last used", "valid until", "id")


class Wanted(Struct):
    """The options of `token create`."""

    name: str
    account: bool
    user: str | None
    read_only: bool
    valid_until: datetime | None
    local: bool


@click.group("token", cls=Words)
def token() -> None:
    """Make, list and revoke API tokens."""


COMMAND = token


@token.command("create", cls=filled(Wanted))
@click.argument("name")
@click.option("--account", is_flag=True, help="Of the account, with an admin's rights, instead of your own.")
@click.option("--user", metavar="EMAIL|ID", help="Of this person.")
@click.option("--read-only", is_flag=True, help="It may look and change nothing.")
@click.option("--valid-until", type=click.DateTime(["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S%z"]), help="Its last day, in UTC.")
@click.option("--local", is_flag=True, help="In the database of this machine, without a token.")
def create(frame: Frame, form: Wanted) -> None:
    """Make a token and show it this once."""
    made = _made_here(frame, form) if form.local else _made_over_the_api(frame, form)
    if frame.screen.for_programs:
        frame.screen.data({"token": made})
        return
    frame.screen.say(f"The token, shown this once:\n\n  {made['token']}\n\nUse it as: export TOCSIN_TOKEN=…")


@token.command("list")
@click.option("--all", "everybody", is_flag=True, help="Everybody's and the account's.")
def list_tokens(frame: Frame, *, everybody: bool) -> None:
    """List live tokens by their last characters."""
    with Node(frame) as node:
        query = {"all": "true"} if everybody else {}
        rows = list(node.rows("/api/tokens", "tokens", query, most=1000))
    if frame.screen.for_programs:
        frame.screen.data({"tokens": rows})
    else:
        frame.screen.table(_COLUMNS, map(_line, rows), empty="There is no token.")


@token.command("revoke")
@click.argument("token_id", metavar="ID")
def revoke(frame: Frame, token_id: str) -> None:
    """Revoke a token; it is dead within a second."""
    with Node(frame) as node:
        node.delete(f"/api/tokens/{token_id}")
    if frame.screen.for_programs:
        frame.screen.data({"revoked": token_id})
    else:
        frame.screen.say("Revoked.")


def _line(row: Json) -> tuple[object, ...]:
    owner = (row.get("user") or {}).get("summary") or (row.get("user") or {}).get("id") or "the account"
    rights = "look only" if row["read_only"] else "all"
    used, until = when(row["used_at"]) or "never", when(row["valid_until"]) or "it is revoked"
    return row["name"], f"…{row['hint']}", owner, rights, used, until, row["id"]


def _made_over_the_api(frame: Frame, form: Wanted) -> Json:
    with Node(frame) as node:
        wanted: Json = {"name": form.name, "read_only": form.read_only}
        if form.user:
            wanted["user_id"] = node.user_id(form.user)
        elif not form.account:
            wanted["user_id"] = node.get("/users/me")["user"]["id"]
        if form.valid_until is not None:
            wanted["valid_until"] = _aware(form.valid_until).isoformat()
        made: Json = node.post("/api/tokens", {"token": wanted})["token"]
    return made


def _made_here(frame: Frame, form: Wanted) -> Json:
    """Make the token past the API: whoever may read the database's files needs no other leave."""
    import msgspec

    from tocsin.cli.database import with_store
    from tocsin.domain.people.actor import SYSTEM
    from tocsin.store import tokens, users
    from tocsin.store.keyring import Keyring
    from tocsin.store.turn import Store, Turn

    async def job(turn: Turn) -> tuple[str, str]:
        owner = None
        if form.user is not None:
            query = users.BY_EMAIL if "@" in form.user else users.BY_ID
            owner = (await turn.one(query, {"email": form.user, "id": form.user})).id
        until = None if form.valid_until is None else _aware(form.valid_until)
        draft = tokens.TokenDraft(name=form.name, user_id=owner, read_only=form.read_only, valid_until=until)
        return await tokens.create(turn, msgspec.structs.replace(SYSTEM, method="cli"), draft)

    async def whole(store: Store, _keyring: Keyring) -> tuple[str, str]:
        return await store.work(job)

    token_id, clear = with_store(frame, whole)
    return {"id": token_id, "name": form.name, "read_only": form.read_only, "token": clear}


def _aware(at: datetime) -> datetime:
    return at.replace(tzinfo=UTC) if at.tzinfo is None else at
