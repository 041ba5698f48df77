"""Hand: one message goes to one provider after the other until one takes it, or nobody is left to ask."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

import structlog

from tocsin.domain.paging.channel import Accepted, Address, Lost, Outcome, Provider, Rejected, Temporary
from tocsin.domain.paging.message import Message
from tocsin.ground import clock
from tocsin.ground.limits import MOST_REPEATED_SENDS, PROVIDER_PATIENCE
from tocsin.ground.text import repair

log = structlog.get_logger("notify")

_MOST_SENDS = 6  # of one message whose providers answer "later"; about a minute in all
_REPEAT_AFTER = timedelta(seconds=1)  # an unknown message is sent again after so long, marked
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


class Verdict(NamedTuple):
    """What becomes of a message after its handings: its state, when it is due again, and why it ended."""

    state: str
    due_at: datetime | None
    why: str | None


async def hand(
    providers: Sequence[Provider], message: Message, *, to: Address, key: str, renewed: Callable[[], Awaitable[bool]]
) -> list[Handing]:
    """Call the providers in order until one takes the message or its fate is unknown; return every call.

    Before a further provider is called `renewed` prolongs the lease, which only works while it is ours and the message
    is still wanted. `key` is the same for every sending of one message.
    """
    handings: list[Handing] = []
    for provider in providers:
        if handings and not await renewed():
            break
        started_at = clock.utc_now()
        outcome = await _call(provider, message, to=to, key=key)
        handings.append(_handing(provider.name, outcome, started_at, clock.utc_now()))
        if isinstance(outcome, Accepted | Lost):
            break
    return handings or [no_call(f"no provider is set up for {to.channel}")]


def no_call(why: str) -> Handing:
    """Return what is written when there was nobody to hand a message to."""
    at = clock.utc_now()
    return Handing("tocsin", "rejected", at, at, detail=why)


def verdict(handings: Sequence[Handing], *, sends: int, unknowns: int, now: datetime) -> Verdict:
    """Return what becomes of a message that was sent `sends` times, `unknowns` of which before ended unknown."""
    last = handings[-1]
    if last.receipt == "accepted":
        return Verdict("handed", None, None)
    if last.receipt == "unknown":
        if unknowns < MOST_REPEATED_SENDS:
            return Verdict("pending", now + _REPEAT_AFTER, None)
        return Verdict("unknown", None, last.detail)
    waits = [handing.retry_after for handing in handings if handing.retry_after is not None]
    if waits and sends < _MOST_SENDS:
        return Verdict("pending", now + max(min(waits), timedelta(seconds=2**sends)), None)
    return Verdict("failed", None, last.detail)


async def _call(provider: Provider, message: Message, *, to: Address, key: str) -> Outcome:
    try:
        async with asyncio.timeout(_PATIENCE_S):
            return await provider.send(message, to, key)
    except TimeoutError:
        return Lost(f"{provider.name} did not answer within {_PATIENCE_S:.0f} s")
    except Exception as failure:
        log.exception("notify.provider_broke", provider=provider.name, failure=repr(failure))
        return Lost(f"{provider.name} broke: {type(failure).__name__}")


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
