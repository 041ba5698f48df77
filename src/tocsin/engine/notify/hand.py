"""Hand: one message goes to one provider after the other until one takes it, or nobody is left to ask."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog

from tocsin.domain.paging.channel import Accepted, Address, Lost, Outcome, Provider, Rejected, Temporary
from tocsin.domain.paging.message import Message
from tocsin.ground import clock
from tocsin.ground.limits import LEASE, PROVIDER_PATIENCE
from tocsin.ground.text import repair
from tocsin.store.notifications import RENEW, Claimed
from tocsin.store.turn import Store

log = structlog.get_logger("notify")

_PATIENCE_S = PROVIDER_PATIENCE.total_seconds() + 1.0  # a provider that knows that nothing left must get to say so


@dataclass(frozen=True, slots=True)
class Handing:
    """One call of a provider: how it ended (`accepted`, `rejected`, `temporary`, `unknown`), and its own words."""

    provider: str
    receipt: str
    started_at: datetime
    ended_at: datetime
    ref: str | None = None
    detail: str = ""
    retry_after: timedelta | None = None


async def hand(
    store: Store, providers: Sequence[Provider], message: Message, *, to: Address, page: Claimed
) -> list[Handing]:
    """Call the providers in order until one takes the message or its fate is unknown; return every call.

    Before a further provider is called the lease is prolonged, which only works while it is ours and the incident
    still wants the page.
    """
    handings: list[Handing] = []
    for provider in providers:
        if handings and not await _renewed(store, page):
            break
        started_at = clock.utc_now()
        outcome = await _call(provider, message, to=to, key=f"tocsin-{page.id}")
        handings.append(_handing(provider.name, outcome, started_at, clock.utc_now()))
        if isinstance(outcome, Accepted | Lost):
            break
    return handings or [no_call(f"no provider is set up for {to.channel}")]


def no_call(why: str) -> Handing:
    """Return what is written when there was nobody to hand a page to."""
    at = clock.utc_now()
    return Handing("tocsin", "rejected", at, at, detail=why)


async def _call(provider: Provider, message: Message, *, to: Address, key: str) -> Outcome:
    try:
        async with asyncio.timeout(_PATIENCE_S):
            return await provider.send(message, to, key)
    except TimeoutError:
        return Lost(f"{provider.name} did not answer within {_PATIENCE_S:.0f} s")
    except Exception as failure:
        log.exception("notify.provider_broke", provider=provider.name, failure=repr(failure))
        return Lost(f"{provider.name} broke: {type(failure).__name__}")


async def _renewed(store: Store, page: Claimed) -> bool:
    values = {"id": page.id, "fence": page.fence, "lease": LEASE}
    return bool(await store.work(lambda turn: turn.rows(RENEW, values)))


def _handing(provider: str, outcome: Outcome, started_at: datetime, ended_at: datetime) -> Handing:
    """Return the handing, with the provider's words made fit for the database."""
    match outcome:
        case Accepted():
            ref = None if outcome.ref is None else repair(outcome.ref)
            return Handing(provider, "accepted", started_at, ended_at, ref=ref)
        case Rejected():
            words = repair(f"{outcome.code} {outcome.text}".strip())
            return Handing(provider, "rejected", started_at, ended_at, detail=words)
        case Temporary():
            wait = timedelta(seconds=outcome.retry_after_s)
            return Handing(provider, "temporary", started_at, ended_at, detail=repair(outcome.text), retry_after=wait)
        case Lost():
            return Handing(provider, "unknown", started_at, ended_at, detail=repair(outcome.text))
