"""Claim: the first run's page, where the holder of the printed set-up token becomes the owner."""

import asyncio
import secrets

import msgspec
from msgspec import Struct

from tocsin.domain.people import password as passwords
from tocsin.ground.errors import Refused, Why
from tocsin.store import sessions, setup
from tocsin.store.setup import Claimed, Owner
from tocsin.store.turn import Store, Turn
from tocsin.web.enter import foreign
from tocsin.web.page import Response, notice, page, session_cookie
from tocsin.web.request import Request

_STATUS = {Why.INVALID: 400, Why.UNAUTHENTICATED: 401, Why.CONFLICT: 409}
_FIELDS = ("token", "name", "email", "password", "time_zone")


class Details(Struct, frozen=True, forbid_unknown_fields=True):
    """What a program sends to set up."""

    token: str
    name: str
    email: str
    password: str
    time_zone: str = "Etc/UTC"


class SetupPage:
    """Turns the printed token into the first account."""

    def __init__(self, store: Store) -> None:
        """Set up the installation in this store."""
        self._store = store

    async def show(self, request: Request) -> Response:
        """Answer GET /setup: the form, or that it is over."""
        if not await self._store.read(setup.needed):
            return _over()
        return _form({"token": request.query.get("token", "")})

    async def take(self, request: Request) -> Response:
        """Answer POST /setup: make the owner, log them in, and show their first API token once."""
        if request.from_elsewhere:
            return foreign()
        said = Details(**{name: request.form.get(name, "") for name in _FIELDS})
        try:
            claimed = await self.claim(said)
        except Refused as refused:
            if refused.why is Why.CONFLICT:
                return _over()
            return _form(request.form, faults=refused.errors, status=_STATUS.get(refused.why, 400))
        session = await self._store.work(lambda turn: sessions.create(turn, claimed.user_id))
        shown = {"name": said.name, "api_token": claimed.api_token}
        return page("welcome.html", shown, headers=(session_cookie(session.clear, secure=request.secure),))

    async def take_json(self, body: bytes) -> tuple[int, bytes]:
        """Answer POST /api/setup: the same for a program; returns the status and the JSON."""
        try:
            claimed = await self.claim(msgspec.json.decode(body, type=Details))
        except Refused as refused:
            error = {"message": refused.message, "errors": list(refused.errors)}
            return _STATUS.get(refused.why, 400), msgspec.json.encode({"error": error})
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as failure:
            return 400, msgspec.json.encode({"error": {"message": "Invalid Input Provided", "errors": [str(failure)]}})
        return 201, msgspec.json.encode({"user": {"id": claimed.user_id}, "api_token": claimed.api_token})

    async def claim(self, said: Details) -> Claimed:
        """Make the owner; raise `Refused` for a wrong token first, then for wrong details, all of them at once."""

        async def check(turn: Turn) -> None:
            await setup.check(turn, said.token)

        await self._store.work(check)
        draft = Owner(name=said.name, email=said.email, time_zone=said.time_zone, password_hash="")
        _refuse_faults(draft, said.password)
        salt = secrets.token_bytes(passwords.SALT_BYTES)
        kept = await asyncio.to_thread(passwords.hashed, said.password, salt)
        owner = msgspec.structs.replace(draft, password_hash=kept)
        return await self._store.work(lambda turn: setup.claim(turn, said.token, owner))


def _refuse_faults(draft: Owner, password: str) -> None:
    faults: list[str] = []
    for check in (
        lambda: setup.checked(draft),
        lambda: passwords.check(password, email=draft.email, name=draft.name),
    ):
        try:
            check()
        except Refused as refused:
            faults.extend(refused.errors)
    if faults:
        raise Refused(Why.INVALID, faults[0], tuple(faults))


def _form(said: dict[str, str], *, faults: tuple[str, ...] = (), status: int = 200) -> Response:
    shown = {name: said.get(name, "") for name in _FIELDS if name != "password"}
    return page("setup.html", {**shown, "faults": faults, "shortest": passwords.SHORTEST_PASSWORD}, status=status)


def _over() -> Response:
    text = "Log in, or ask the owner of this installation for an account."
    return notice(409, "This installation is set up already", text, next_path="/login")
