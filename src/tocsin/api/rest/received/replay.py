"""Replay: a request that a tool sent is read anew by today's rules, and what it says happens."""

import msgspec

from tocsin.api.kit import Answer, Call, operation, reach, shown
from tocsin.api.rest.received.requests import is_cut
from tocsin.api.senders import Sender, sender_of
from tocsin.api.visit import became, note_of, why_of
from tocsin.domain.events import lane_of
from tocsin.domain.mapping.mapper import Mapped
from tocsin.domain.mapping.request import Request
from tocsin.domain.people.permission import Verb
from tocsin.ground.errors import Refused, Why
from tocsin.store import integrations, requests
from tocsin.store.audit import record
from tocsin.store.hints import Topic
from tocsin.store.inbox import WRITE_EVENTS
from tocsin.store.requests import Draft, RequestRow
from tocsin.store.turn import Turn

_ACCEPTED = 202
_FORGED = frozenset({401, 403})  # statuses of requests that did not prove where they came from
_LONGEST_NUMBER = 18  # digits of a number that fits into 64 bits
_encode = msgspec.json.Encoder().encode


@operation("POST", "/api/integrations/{id}/requests/{number}/replay")
async def replay_request(call: Call) -> Answer:
    """Read a kept request by the rules of today, and let happen what it says; its dedup keys are the same as ever.

    A request is not replayed when it did not prove where it came from, or when only its beginning was kept.
    """
    key, number = call.path["id"], call.path["number"]
    if not (number.isascii() and number.isdigit() and len(number) <= _LONGEST_NUMBER):
        raise Refused(Why.NOT_FOUND, "There is no request with this number.")

    async def job(turn: Turn) -> Mapped:
        row = await reach(turn, call.actor, query=integrations.BY_ID, key=key, to=Verb.UPDATE)
        kept = await turn.one(requests.ONE, {"integration_id": key, "id": int(number)})
        mapped = _read(sender_of(row.vendor_id), kept)
        await _put(turn, key, mapped)
        await requests.keep(turn, [_draft(turn, key, kept, mapped)])
        told = {"replayed_request": kept.id, "events": len(mapped.events), "changes": len(mapped.changes)}
        await record(turn, call.actor, "update", ("integration", key), told)
        return mapped

    mapped = await call.store.work(job)
    outcome = {
        "accepted": len(mapped.events) + len(mapped.changes),
        "ignored": mapped.ignored,
        "dedup_keys": [event.dedup_key for event in mapped.events],
        "errors": list(mapped.faults),
        "note": mapped.note,
    }
    return shown("replay", outcome)


def _read(sender: Sender | None, kept: RequestRow) -> Mapped:
    """Return what the kept request says; raise `Refused` (invalid) when it must not or cannot be read."""
    if sender is None:
        raise Refused(Why.INVALID, "This integration has no vendor whose webhooks are understood: give it one first.")
    if kept.status in _FORGED:
        raise Refused(Why.INVALID, "This request did not prove where it came from, so it is not replayed.")
    if is_cut(kept):
        raise Refused(Why.INVALID, f"Only the first {requests.LONGEST_KEPT} bytes of this request were kept.")
    return sender.mapper.map(Request(method=kept.method, headers=kept.headers, query=kept.query, body=kept.body))


async def _put(turn: Turn, integration_id: str, mapped: Mapped) -> None:
    """Put events and changes into the inbox, as the doors do, in the transaction that notes who did it."""
    items = [
        *(("event", event.dedup_key, _encode(event)) for event in mapped.events),
        *(("change", "", _encode(change)) for change in mapped.changes),
    ]
    await turn.run(
        WRITE_EVENTS,
        {
            "lanes": [lane_of(integration_id.encode(), key.encode()) for _, key, _ in items],
            "integrations": [integration_id] * len(items),
            "kinds": [kind for kind, _, _ in items],
            "bodies": [body.decode() for _, _, body in items],
        },
    )
    turn.hints.add(Topic.LANES)


def _draft(turn: Turn, integration_id: str, kept: RequestRow, mapped: Mapped) -> Draft:
    return Draft(
        integration_id=integration_id,
        received_at=turn.now,
        source=kept.source,
        method=kept.method,
        query=kept.query,
        headers=kept.headers,
        body=kept.body,
        size=kept.size,
        status=_ACCEPTED,
        why=why_of(mapped.faults),
        note=note_of(mapped, before=f"replay of {kept.id}"),
        events=became(mapped),
        ignored=mapped.ignored,
    )
