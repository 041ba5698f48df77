"""Faults: what is wrong with a manifest, said before it meets a request."""

import re
from collections.abc import Iterator
from functools import cache
from typing import Final

from minijinja import Environment, TemplateError

from tocsin.domain.mapping.filters import FILTERS
from tocsin.domain.mapping.manifest import LONGEST_WEBHOOK, URL, LinkPart, Manifest, Verify
from tocsin.domain.mapping.template import environment
from tocsin.domain.mapping.verification import BODY, PLACEHOLDER

LONGEST_EXPRESSION = 2000  # characters; the longest shipped one has some three hundred
MOST_LETS = 20  # names of one manifest; each may be twice as long as the one before, so that they must be few
RETRIED: Final = frozenset({403, 429, 500, 502, 503, 504})  # statuses after which some sender tries again

_ID = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")
_VENDOR_ID = re.compile(r"PT[A-Z0-9]{5}")
_LET = re.compile(r"[a-z][a-z0-9_]{0,30}")
_TEXT = re.compile(r"'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\"")
_FILTER = re.compile(r"\|\s*(\w+)")

_OF_REQUEST: Final = frozenset({"p", "h", "q"})
_OF_ALERT: Final = _OF_REQUEST | {"e"}
_FUNCTIONS: Final = frozenset({"range", "dict"})
_RESERVED: Final = (
    _OF_ALERT | _FUNCTIONS | {"keep", "true", "false", "none", "and", "or", "not", "in", "is", "if", "else"}
)

Named = tuple[str, str, frozenset[str]]  # where an expression stands, its text, and the names it may use


def faults_of(manifest: Manifest) -> tuple[str, ...]:
    """Return every fault of a manifest as a sentence that says where it is; none for one that can be compiled."""
    return (
        *_faults_of_form(manifest),
        *_faults_of_verify(manifest.verify),
        *(fault for named in _expressions(manifest) if (fault := _fault_of_expression(*named))),
    )


def _faults_of_form(manifest: Manifest) -> Iterator[str]:
    event, change = manifest.event, manifest.change
    rules = (
        (_ID.fullmatch(manifest.id), "id: use small letters, digits and hyphens"),
        (_VENDOR_ID.fullmatch(manifest.vendor_id), "vendor_id: PT and five capital letters or digits"),
        (manifest.name.strip(), "name: say what people call the tool"),
        (URL in manifest.guide, f"guide: say where the address belongs, as {URL}"),
        (manifest.accept.methods and manifest.accept.content, "accept: name a method and a content"),
        (0 < manifest.accept.max_bytes <= LONGEST_WEBHOOK, f"accept.max_bytes: at most {LONGEST_WEBHOOK}"),
        (manifest.overload.status in RETRIED, f"overload.status: one of {sorted(RETRIED)}"),
        (event is not None or change is not None, "event: a manifest makes events or changes"),
        (event is None or change is None or change.when, "change.when: say what tells a change from an event"),
        (event is None or event.dedup, "event.dedup: name what the problem is recognised by"),
        (len(manifest.decode.let) <= MOST_LETS, f"decode.let: at most {MOST_LETS} names"),
    )
    yield from (sentence for holds, sentence in rules if not holds)
    for name in manifest.decode.let:
        if not _LET.fullmatch(name) or name in _RESERVED:
            yield f"decode.let.{name}: use another name, of small letters, digits and underscores"


def _faults_of_verify(verify: Verify) -> Iterator[str]:
    names = {name.lower() for one in verify.signed for name in PLACEHOLDER.findall(one)}
    if not verify.signed or any(f"{{{BODY}}}" not in one for one in verify.signed):
        yield "verify.signed: a signature that does not cover {body} proves nothing"
    if verify.timestamp_header and verify.timestamp_header.lower() not in names:
        yield "verify.timestamp_header: an instant that is not signed proves nothing; name it in verify.signed"
    if verify.scheme == "hmac" and verify.header == "Authorization":
        yield "verify.header: say which header holds the signature"
    if verify.tolerance_s <= 0:
        yield "verify.tolerance_s: at least one second"


def _expressions(manifest: Manifest) -> Iterator[Named]:
    when, decode = manifest.when, manifest.decode
    yield "when.require", when.require, _OF_REQUEST
    yield "when.handshake", when.handshake, _OF_REQUEST
    yield "decode.each", decode.each, _OF_REQUEST
    names = _OF_ALERT
    for name, text in decode.let.items():
        yield f"decode.let.{name}", text or "?", names
        names |= {name}
    yield "when.ignore", when.ignore, names
    if manifest.event is not None:
        event = manifest.event
        yield "event.action", event.action or "?", names
        yield "event.summary", event.summary or "?", names
        for where in ("source", "severity", "time", "component", "group", "class_name", "client", "client_url"):
            yield f"event.{where}", getattr(event, where), names
        yield from ((f"event.dedup[{at}]", text or "?", names) for at, text in enumerate(event.dedup))
        yield from ((f"event.images[{at}]", image.src or "?", names) for at, image in enumerate(event.images))
        yield from _members("event", event.links, event.details, names)
    if manifest.change is not None:
        change = manifest.change
        for where in ("when", "summary", "source", "time"):
            yield f"change.{where}", getattr(change, where), names
        yield from _members("change", change.links, change.details, names)


def _members(
    table: str, links: tuple[LinkPart, ...], details: dict[str, str], names: frozenset[str]
) -> Iterator[Named]:
    yield from ((f"{table}.links[{at}]", link.href or "?", names) for at, link in enumerate(links))
    yield from ((f"{table}.details.{name}", text or "?", names) for name, text in details.items())


def _fault_of_expression(where: str, text: str, names: frozenset[str]) -> str | None:
    if not text:
        return None
    if len(text) > LONGEST_EXPRESSION:
        return f"{where}: longer than {LONGEST_EXPRESSION} characters"
    try:
        used = _reader().undeclared_variables_in_str(f"{{% set _ = ({text}) %}}")
    except TemplateError as failure:
        return f"{where}: {failure.detail or failure.kind}"
    without_texts = _TEXT.sub("''", text)
    if "{%" in without_texts or "%}" in without_texts:
        return f"{where}: an expression, not a template"
    unknown = sorted(used - names - _FUNCTIONS)
    if unknown:
        return f"{where}: nobody knows the name {', '.join(unknown)}"
    filters = sorted(name for name in set(_FILTER.findall(without_texts)) if not _is_filter(name))
    return f"{where}: nobody knows the filter {', '.join(filters)}" if filters else None


@cache
def _is_filter(name: str) -> bool:
    if name in FILTERS:
        return True
    try:
        _reader().eval_expr(f"none|{name}")
    except TemplateError as failure:
        return failure.kind != "UnknownFilter"
    return True


@cache
def _reader() -> Environment:
    return environment()
