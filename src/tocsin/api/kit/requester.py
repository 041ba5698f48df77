"""The requester: on whose behalf an account's token acts."""

from msgspec import structs

from tocsin.domain.people.actor import Actor
from tocsin.ground.errors import Refused, Why
from tocsin.store import users
from tocsin.store.turn import Store


async def requester(store: Store, actor: Actor, from_header: str | None, *, needed: bool) -> Actor:
    """Return the actor as the person named by the header `From`, when an account's token sends it.

    A person's own token acts as that person, whatever the header says. For configuration the header may be
    absent (the Terraform provider never sends it); where `needed`, an absent or unknown one is refused.
    """
    if actor.kind != "token":
        return actor
    email = (from_header or "").strip()
    if not email:
        if needed:
            raise Refused(Why.REQUESTER_UNKNOWN, "Send the header From with the e-mail address of the acting user.")
        return actor
    person = await store.read(lambda turn: turn.maybe(users.BY_EMAIL, {"email": email}))
    if person is None:
        if needed:
            raise Refused(Why.REQUESTER_UNKNOWN, f"No user has the e-mail address {email}.")
        return actor
    return structs.replace(actor, kind="user", id=person.id, name=person.name)
