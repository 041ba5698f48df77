"""Schedule references: how a schedule is named by what calls by it, in either version of the wire."""

from tocsin.api.kit import Links, Shown


def schedule_reference(links: Links, schedule_id: str, name: str | None, made_of: str | None) -> Shown:
    """Return a reference to a schedule that is made of "layers" or "rotations"; None says that there is none any more.

    One that is made of rotations lives under version 3 of the wire.
    """
    if made_of != "rotations":
        return links.reference("schedule", schedule_id, name, deleted=made_of is None)
    shown = links.reference("schedule", schedule_id, name)
    return shown | {"type": "schedule_v3_reference", "self": f"{links.public_url}/v3/schedules/{schedule_id}"}
