"""Received requests: what a tool sent lately, with its secrets masked, and what was made of it or why it was not."""

from base64 import b64encode

from tocsin.api.kit import Answer, Call, Shown, listed, operation, reach
from tocsin.domain.people.permission import Verb
from tocsin.ground.page import Listed
from tocsin.store import integrations, pages, requests
from tocsin.store.requests import RequestRow
from tocsin.store.turn import Turn

_REFUSED_FROM = 400  # statuses from here on are refusals


@operation("GET", "/api/integrations/{id}/requests")
async def list_requests(call: Call) -> Answer:
    """List the newest requests of an integration, newest first; `refused=true` or `false` chooses by what became.

    Bodies can hold what is nobody else's business, so only who may change the integration reads them.
    """
    stretch = call.stretch()
    refused = call.flag("refused") if call.text("refused") else None
    values = {"integration_id": call.path["id"], "refused": refused}

    async def job(turn: Turn) -> Listed[RequestRow]:
        await reach(turn, call.actor, query=integrations.BY_ID, key=call.path["id"], to=Verb.UPDATE)
        return await pages.page(turn, requests.LIST, values, stretch=stretch, count=requests.COUNT)

    page = await call.store.read(job)
    return listed("requests", [_show(call, row) for row in page.rows], page=page, stretch=stretch)


def is_cut(row: RequestRow) -> bool:
    """Return whether only the beginning of the body was kept."""
    return row.size > requests.LONGEST_KEPT


def _show(call: Call, row: RequestRow) -> Shown:
    """Return a request as clients read it; a body that is no text is told in base64."""
    try:
        body, encoding = row.body.decode(), "text"
    except UnicodeDecodeError:
        body, encoding = b64encode(row.body).decode(), "base64"
    return {
        "id": row.id,
        "received_at": call.at(row.received_at),
        "source": row.source,
        "method": row.method,
        "query": row.query,
        "headers": row.headers,
        "body": body,
        "body_encoding": encoding,
        "body_size": row.size,
        "body_cut": is_cut(row),
        "status": row.status,
        "outcome": _outcome(row),
        "why": row.why,
        "note": row.note,
        "ignored": row.ignored,
        "events": row.events,
    }


def _outcome(row: RequestRow) -> str:
    if row.status >= _REFUSED_FROM:
        return "refused"
    return "accepted" if row.events else "ignored"
