"""A visit of a tool: its request as the rules of its manifest read it, and as people may look at it afterwards."""

from urllib.parse import parse_qsl

from tocsin.api.body import Scope
from tocsin.api.masked import masked, masked_body
from tocsin.api.receivers import Receiver
from tocsin.api.senders import DOOR
from tocsin.domain.events import Change, Event
from tocsin.domain.mapping.mapper import Mapped
from tocsin.domain.mapping.request import Request
from tocsin.ground import clock
from tocsin.ground.text import repair, trim
from tocsin.store.requests import LONGEST_KEPT, Became, Draft

LONGEST_NOTE = 4000  # characters of what was wrong or noted; a batch of broken alerts says the same again and again
MOST_PARAMETERS = 100  # of a query; a tool puts one or two into the address it is given


class Visit:
    """One request; its body is filled in once it was read."""

    __slots__ = ("_query", "body", "headers", "key", "method", "source")

    def __init__(self, scope: Scope) -> None:
        """Take this request as it begins."""
        self.headers: dict[bytes, bytes] = dict(scope["headers"])
        self.key: str = scope["path"][len(DOOR) :]
        self.method: str = scope["method"]
        self.body = b""
        client = scope.get("client")
        self.source: str = client[0] if client else ""
        self._query: bytes = scope.get("query_string", b"")

    def request(self) -> Request:
        """Return the request as the rules of a manifest read it."""
        headers = {
            repair(name.decode("latin-1").lower()): repair(value.decode("latin-1"))
            for name, value in self.headers.items()
        }
        parameters = parse_qsl("&".join(self._query.decode("latin-1").split("&")[:MOST_PARAMETERS]), True)
        query = {repair(name): repair(value) for name, value in parameters}
        return Request(method=self.method, headers=headers, query=query, body=self.body)


def draft_of(
    visit: Visit, receiver: Receiver, *, status: int, mapped: Mapped | None = None, faults: tuple[str, ...] = ()
) -> Draft:
    """Return the request as it is kept for people to look at, without its secrets; `faults` say why it was refused."""
    mapped = mapped or Mapped()
    secrets = [secret for secret in (visit.key, receiver.secret) if secret]
    request = visit.request()
    return Draft(
        integration_id=receiver.id,
        received_at=clock.utc_now(),
        source=visit.source,
        method=request.method,
        query=masked(request.query, secrets),
        headers=masked(request.headers, secrets, also=_proving(receiver)),
        body=masked_body(visit.body[:LONGEST_KEPT], secrets),
        size=len(visit.body),
        status=status,
        why=why_of(faults or mapped.faults),
        note=note_of(mapped),
        events=became(mapped),
        ignored=mapped.ignored,
    )


def became(mapped: Mapped) -> tuple[Became, ...]:
    """Return what a request was made into, as it is kept beside it."""
    return (*map(_of_event, mapped.events), *map(_of_change, mapped.changes))


def why_of(faults: tuple[str, ...]) -> str | None:
    """Return what was wrong as it is kept, or None when nothing was."""
    return trim(repair("; ".join(faults)), LONGEST_NOTE) or None


def note_of(mapped: Mapped, *, before: str = "") -> str | None:
    """Return what there is to say about a request that is neither event nor fault, after the words `before`."""
    return trim(repair("; ".join(part for part in (before, mapped.note) if part)), LONGEST_NOTE) or None


def _proving(receiver: Receiver) -> frozenset[str]:
    """Return the name of the header in which this tool proves who it is."""
    return frozenset() if receiver.sender is None else frozenset({receiver.sender.manifest.verify.header.lower()})


def _of_event(event: Event) -> Became:
    return Became("event", event.action.value, event.dedup_key, event.summary)


def _of_change(change: Change) -> Became:
    return Became("change", None, None, change.summary)
