"""The kit: how one operation of the API is declared, called, answered and refused.

An operation is an `async` function in a file of `api/rest/`; being in the folder is being served:

    @operation("GET", "/teams/{id}")
    async def show_team(call: Call) -> Answer:
        async def job(turn: Turn) -> TeamRow:
            return await reach(turn, call.actor, query=teams.BY_ID, key=call.path["id"], to=Verb.READ)

        team = await call.store.read(job)
        return shown("team", _show(call, team))

    @operation("GET", "/teams")
    async def list_teams(call: Call) -> Answer:
        stretch = call.stretch()
        page = await call.store.read(lambda turn: teams.page(turn, stretch, horizon=call.actor.horizon))
        return listed("teams", [_show(call, row) for row in page.rows], page=page, stretch=stretch)

    @operation("PUT", "/teams/{id}")
    async def update_team(call: Call) -> Answer:
        wanted = call.body(TeamBody, wrap="team")   # a msgspec Struct; absent fields are UNSET, null is None
        ...

Rows given to `reach` name what they are by a method `subject() -> Subject`. `call.links.head("team", id, name)`
makes the five fields every resource has, `call.links.reference("team", id, name)` a reference. Refusals of the
domain (`Refused`) need no catching: `errors.py` holds the one table of their statuses, codes and texts.
"""

from tocsin.api.kit.answer import Answer, gone, listed, shown
from tocsin.api.kit.application import application
from tocsin.api.kit.call import Call
from tocsin.api.kit.gate import allow, reach
from tocsin.api.kit.house import Authenticate, House, Settings
from tocsin.api.kit.instants import parse_instant, show_instant
from tocsin.api.kit.links import Links, Shown
from tocsin.api.kit.operation import Operation, discovered, operation

__all__ = [
    "Answer",
    "Authenticate",
    "Call",
    "House",
    "Links",
    "Operation",
    "Settings",
    "Shown",
    "allow",
    "application",
    "discovered",
    "gone",
    "listed",
    "operation",
    "parse_instant",
    "reach",
    "show_instant",
    "shown",
]
