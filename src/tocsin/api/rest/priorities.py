"""Priorities: the scale by which the business ranks incidents."""

from tocsin.api.kit import Answer, Call, Shown, listed, operation
from tocsin.store import priorities
from tocsin.store.priorities import PriorityRow
from tocsin.store.turn import Turn


@operation("GET", "/priorities")
async def list_priorities(call: Call) -> Answer:
    """List the priorities, the most severe first."""
    stretch = call.stretch()

    async def job(turn: Turn) -> Answer:
        page = await priorities.listed(turn, stretch)
        return listed("priorities", [show_priority(call, row) for row in page.rows], page=page, stretch=stretch)

    return await call.store.read(job)


def show_priority(call: Call, priority: PriorityRow) -> Shown:
    """Return a priority as a client reads it, on its own or inside an incident."""
    shown = call.links.head("priority", priority.id, priority.name)
    return shown | {
        "html_url": None,
        "name": priority.name,
        "description": priority.description,
        "order": priority.position,
        "color": priority.color,
    }
