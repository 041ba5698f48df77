"""Webhook: pages as signed JSON to an address of your own."""

from email.utils import parsedate_to_datetime

from msgspec import Struct

from tocsin import __version__
from tocsin.domain.paging.channel import Accepted, Address, Channel, Lost, Outcome, Provider, Rejected, Temporary
from tocsin.domain.paging.message import Message
from tocsin.domain.paging.wording import program_text
from tocsin.ground import clock
from tocsin.ground.errors import Refused
from tocsin.wire import Wire
from tocsin.wire.exchange import Answer, Request, Unsent, target
from tocsin.wire.signature import HEADER, secrets_of, sign

RETRY_AFTER = 10.0  # seconds, when the receiver names none
LONGEST_RETRY_AFTER = 300.0  # seconds: a receiver may not put a page off for longer
DELIVERY_HEADER = "X-Tocsin-Delivery"
_TRY_AGAIN = frozenset({408, 425, 429})  # the 4xx that speak of the moment, not of the request


class WebhookSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Nothing to set: the address and its secret belong to each contact method."""


class Webhook:
    """Posts each page to the address; `X-Tocsin-Delivery` is the same for every copy of one page."""

    name = "webhook"
    lines = 32  # as many as the client below carries to one receiver

    def __init__(self, wire: Wire) -> None:
        self._wire = wire

    async def send(self, message: Message, to: Address, key: str) -> Outcome:
        """Post the page once.

        2xx is accepted; 408, 425, 429 and 5xx are asked again, after Retry-After if given; every other answer, an
        address that may not be called, and a redirect (none is followed) are final; silence after the request left is
        unknown.
        """
        body = program_text(message, key)
        headers = {
            "Content-Type": "application/json",
            "User-Agent": f"Tocsin/{__version__}",
            DELIVERY_HEADER: key,
        }
        secrets = secrets_of(to.secret)
        if secrets:
            headers[HEADER] = sign(body, secrets)
        try:
            ended = await self._wire.http.send(Request(url=to.address, headers=headers, body=body))
        except Refused as refused:
            return Rejected(refused.why.value, refused.message)
        if isinstance(ended, Answer):
            return _outcome(ended)
        return Temporary(ended.text, RETRY_AFTER) if isinstance(ended, Unsent) else Lost(ended.text)

    async def close(self) -> None:
        """Leave the lines to the wire, which other channels share."""


def _outcome(answer: Answer) -> Outcome:
    status = answer.status
    if 200 <= status < 300:  # noqa: PLR2004 - the class of success, RFC 9110
        return Accepted(answer.headers.get("x-request-id"))
    if status in _TRY_AGAIN or status >= 500:  # noqa: PLR2004 - the class of server errors, RFC 9110
        return Temporary(f"the receiver answered {status}", _retry_after(answer.headers.get("retry-after")))
    if 300 <= status < 400:  # noqa: PLR2004 - the class of redirects, RFC 9110
        return Rejected(str(status), "the receiver points elsewhere: enter its final address, no redirect is followed")
    return Rejected(str(status), f"the receiver answered {status}")


def _retry_after(text: str | None) -> float:
    """Return the seconds that a Retry-After header asks for, as a number or a date, within bounds."""
    if not text:
        return RETRY_AFTER
    try:
        asked = float(text) if text.isdigit() else (parsedate_to_datetime(text) - clock.utc_now()).total_seconds()
    except (ValueError, TypeError, OverflowError):
        return RETRY_AFTER
    return min(max(asked, 1.0), LONGEST_RETRY_AFTER)


def _providers(_settings: WebhookSettings, wire: Wire) -> tuple[Provider, ...]:
    return (Webhook(wire),)


def _check_address(address: str) -> str:
    url = address.strip()
    target(url)
    return url


CHANNEL = Channel(
    kind="webhook",
    says="Signed JSON to an https address of your own",
    limit=None,
    settings=WebhookSettings,
    providers=_providers,
    check_address=_check_address,
)
