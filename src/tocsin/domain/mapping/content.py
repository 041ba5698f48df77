"""Content: a request's body read as JSON, a form, lines of JSON or plain text, and made safe to look into."""

from urllib.parse import parse_qsl

from tocsin.domain.events import Json
from tocsin.domain.events.json_text import NotJson, decode
from tocsin.domain.mapping.manifest import AcceptPart, Content
from tocsin.domain.mapping.request import Request
from tocsin.domain.mapping.tree import grown
from tocsin.ground.errors import Refused, Why
from tocsin.ground.text import repair

MOST_FIELDS = 1000  # of a form; the largest known, of a pager script, has some sixty
MOST_LINES = 10_000  # of JSON; a long `terraform apply` writes a few hundred
_FORM = "x-www-form-urlencoded"


def payload_of(request: Request, accept: AcceptPart) -> Json:
    """Return the payload of a request as a tree.

    A form only counts as one when its `Content-Type` says so, because nearly any text can be read as a form. JSON is
    tried whatever the type says: SNS, among others, calls it plain text. Raises `Refused` when nothing fits.
    """
    if request.method not in accept.methods:
        raise Refused(Why.INVALID, f"Send this by {' or '.join(accept.methods)}, not by {request.method[:20]}.")
    if len(request.body) > accept.max_bytes:
        raise Refused(Why.TOO_LARGE, f"The body has more than {accept.max_bytes} bytes; send fewer alerts at once.")
    is_form = _FORM in request.headers.get("content-type", "")
    faults = []
    for content in accept.content:
        if (content == "form") != is_form and "form" in accept.content:
            continue
        try:
            return grown(_read(content, request.body))
        except NotJson as failure:
            faults.append(str(failure))
    known = ", ".join(accept.content)
    raise Refused(Why.INVALID, "; ".join(faults) or f"The body must be one of: {known}.", tuple(faults))


def _read(content: Content, body: bytes) -> Json:
    if content == "json":
        return decode(body)
    if content == "text":
        return {"text": _text(body)}
    if content == "form":
        try:
            return {
                repair(name): repair(value) for name, value in parse_qsl(_text(body), True, max_num_fields=MOST_FIELDS)
            }
        except ValueError:
            raise NotJson(f"The form has more than {MOST_FIELDS} fields") from None
    lines = [line for line in body.splitlines() if line.strip()]
    if len(lines) > MOST_LINES:
        raise NotJson(f"The body has more than {MOST_LINES} lines")
    return [decode(line) for line in lines]


def _text(body: bytes) -> str:
    return repair(body.decode("utf-8-sig", "replace"))
