"""Hostile: ugly requests for the three doors, with the answer that each deserves."""

import gzip
import json
import zlib
from dataclasses import dataclass, field

from tests.api.doorstep import KEY

V2 = "/v2/enqueue"
CHANGE = "/v2/change/enqueue"
V1 = "/generic/2010-04-15/create_event.json"

PARSE = "JSON parse error"
ACTIONS = "'event_action' is invalid (must be one of the following: 'trigger', 'acknowledge' or 'resolve')"
SEVERITIES = "'payload.severity' is invalid (must be one of the following: 'critical', 'warning', 'error' or 'info')"
ALL_WRONG = b'{"routing_key": "!", "event_action": "x", "payload": {}, "images": [1]}'


@dataclass(frozen=True)
class Case:
    """One request, the status it must get, and words that the answer must contain."""

    name: str
    path: str
    body: bytes
    status: int
    words: str = ""
    headers: dict[str, str] = field(default_factory=dict)


def v2(**changes: object) -> bytes:
    """An ordinary event with some of its top-level fields changed; `...` takes a field away."""
    event: dict[str, object] = {
        "routing_key": KEY, "event_action": "trigger", "dedup_key": "disk",
        "payload": {"summary": "Disk full", "source": "db-1", "severity": "critical"},
    }  # fmt: skip
    return _json(event, changes)


def payload(**changes: object) -> bytes:
    """An ordinary event with some fields of its payload changed."""
    inner: dict[str, object] = {"summary": "Disk full", "source": "db-1", "severity": "critical"}
    return v2(payload=json.loads(_json(inner, changes)))


def change(**changes: object) -> bytes:
    """An ordinary change."""
    return _json({"routing_key": KEY, "payload": {"summary": "Deployed", "source": "ci"}}, changes)


def v1(**changes: object) -> bytes:
    """An ordinary event of v1."""
    event: dict[str, object] = {
        "service_key": KEY, "event_type": "trigger", "incident_key": "disk", "description": "Disk full",
    }  # fmt: skip
    return _json(event, changes)


def _json(fields: dict[str, object], changes: dict[str, object]) -> bytes:
    merged = {name: value for name, value in {**fields, **changes}.items() if value is not ...}
    return json.dumps(merged).encode()


def details(text: bytes) -> bytes:
    """An ordinary event whose details are this JSON text, spliced in as it is."""
    return payload(custom_details="@").replace(b'"@"', text)


def v1_details(text: bytes) -> bytes:
    """An ordinary event of v1 whose details are this JSON text."""
    return v1(details="@").replace(b'"@"', text)


UGLY_TEXTS: tuple[tuple[str, bytes, int, str], ...] = (
    ("nothing", b"", 400, PARSE),
    ("spaces", b"   \n\t ", 400, PARSE),
    ("a word", b"disk full", 400, PARSE),
    ("cut object", b'{"routing_key": "0123', 400, PARSE),
    ("cut after key", b'{"routing_key"', 400, PARSE),
    ("one brace", b"{", 400, PARSE),
    ("closing brace", b"}", 400, PARSE),
    ("single quotes", b"{'routing_key': 'x'}", 400, PARSE),
    ("trailing comma", b'{"routing_key": "x",}', 400, PARSE),
    ("comment", b'{"routing_key": "x" /* hi */}', 400, PARSE),
    ("bare nan", b"NaN", 400, PARSE),
    ("null", b"null", 400, "JSON object"),
    ("true", b"true", 400, "JSON object"),
    ("a number", b"17", 400, "JSON object"),
    ("a string", b'"trigger"', 400, "JSON object"),
    ("a list", b"[]", 400, "JSON object"),
    ("list of objects", b'[{"routing_key": "x"}]', 400, "JSON object"),
    ("two values", b"{}{}", 400, PARSE),
    ("form", b"routing_key=0123456789abcdef0123456789abcdef&event_action=trigger", 400, PARSE),
    ("xml", b"<?xml version='1.0'?><event/>", 400, PARSE),
    ("html", b"<html><body>502 Bad Gateway</body></html>", 400, PARSE),
    ("yaml", b"routing_key: x\nevent_action: trigger\n", 400, PARSE),
    ("utf-16 with mark", '{"a": 1}'.encode("utf-16"), 400, "UTF-8"),
    ("utf-16 little", '{"a": 1}'.encode("utf-16-le"), 400, "UTF-8"),
    ("utf-16 big", '{"a": 1}'.encode("utf-16-be"), 400, "UTF-8"),
    ("utf-32", '{"a": 1}'.encode("utf-32"), 400, "UTF-8"),
    ("utf-32 big", '{"a": 1}'.encode("utf-32-be"), 400, "UTF-8"),
    ("zero bytes", b"\0" * 64, 400, PARSE),
    ("random bytes", bytes(range(128, 256)), 400, PARSE),
    ("deep lists", b"[" * 2000, 400, "deeper than 200"),
    ("deep closed lists", b"[" * 2000 + b"]" * 2000, 400, "deeper than 200"),
    ("deep objects", b'{"a":' * 2000 + b"1" + b"}" * 2000, 400, "deeper than 200"),
    ("very deep lists", b"[" * 500_000, 400, "deeper than 200"),
    ("wide brackets", b"[" + b"[]," * 170_000 + b"1]", 400, "JSON object"),
    ("quotes without end", b'"' * 500_001, 400, PARSE),
    ("backslashes", b'"' + b"\\" * 500_000, 400, PARSE),
    ("raw control character", b'{"a": "x\x01y"}', 400, PARSE),
    ("raw newline in a string", b'{"a": "x\ny"}', 400, PARSE),
    ("bad escape", b'{"a": "\\x41"}', 400, PARSE),
    ("cut escape", b'{"a": "\\u12"}', 400, PARSE),
    ("leading zero", b'{"a": 012}', 400, PARSE),
    ("hex number", b'{"a": 0x1F}', 400, PARSE),
    ("plus number", b'{"a": +1}', 400, PARSE),
    ("600 kB", b'{"a": "' + b"x" * 600_000 + b'"}', 413, "larger than 524288"),
    ("one byte too many", b" " * 524_289, 413, "larger than 524288"),
    ("5 MB", b"x" * 5_000_000, 413, "larger than 524288"),
)  # fmt: skip

ODD_DETAILS: tuple[tuple[str, bytes, int, str], ...] = (
    ("nan", b'{"a": NaN}', 400, PARSE),
    ("infinity", b'{"a": Infinity}', 400, PARSE),
    ("minus infinity", b'{"a": -Infinity}', 400, PARSE),
    ("huge integer", b'{"a": ' + b"9" * 400 + b"}", 0, ""),
    ("endless integer", b'{"a": ' + b"9" * 50_000 + b"}", 0, ""),
    ("huge exponent", b'{"a": 1e400}', 0, ""),
    ("endless exponent", b'{"a": 1e99999999999}', 0, ""),
    ("tiny number", b'{"a": 1e-400}', 0, ""),
    ("nul", b'{"a": "x\\u0000y"}', 0, ""),
    ("nul in a key", b'{"x\\u0000y": 1}', 0, ""),
    ("lone surrogate", b'{"a": "x\\ud800y"}', 0, ""),
    ("lone low surrogate", b'{"a": "\\udc00"}', 0, ""),
    ("surrogate key", b'{"\\ud800": 1}', 0, ""),
    ("surrogates swapped", b'{"a": "\\udc00\\ud800"}', 0, ""),
    ("latin-1 byte", b'{"a": "\xe9t\xe9"}', 0, ""),
    ("surrogate as utf-8", b'{"a": "\xed\xa0\x80"}', 0, ""),
    ("overlong", b'{"a": "\xc0\xaf"}', 0, ""),
    ("a string", b'"text"', 0, ""),
    ("a list", b"[1, 2, [3]]", 0, ""),
    ("a number", b"5", 0, ""),
    ("null", b"null", 0, ""),
    ("false", b"false", 0, ""),
    ("equal keys", b'{"a": 1, "a": 2}', 0, ""),
    ("empty key", b'{"": 1}', 0, ""),
    ("190 levels", b"[" * 190 + b"]" * 190, 0, ""),
    ("198 levels in v2, one too many", b"[" * 250 + b"]" * 250, 400, "deeper than 200"),
    ("brackets in a string", b'"' + b"[" * 5000 + b'"', 0, ""),
    ("10,000 keys", b"{" + b",".join(b'"k%d": %d' % (n, n) for n in range(10_000)) + b"}", 0, ""),
    ("400 kB", b'"' + b"x" * 400_000 + b'"', 0, ""),
    ("bidirectional override", '"\u202egnp.exe"'.encode(), 0, ""),
    ("all planes", '"\U0001f514\U0010ffff\ufffe"'.encode(), 0, ""),
    ("sql", b"\"'; DROP TABLE inbox; --\"", 0, ""),
    ("python", b'"{{ 7*7 }} ${jndi:ldap://x} %s %n"', 0, ""),
)  # fmt: skip

ODD_V2: tuple[tuple[str, bytes, int, str], ...] = (
    ("empty object", b"{}", 400, "'routing_key' is missing or blank"),
    ("no key", v2(routing_key=...), 400, "'routing_key' is missing or blank"),
    ("null key", v2(routing_key=None), 400, "'routing_key' is missing or blank"),
    ("blank key", v2(routing_key="  "), 400, "'routing_key' is missing or blank"),
    ("short key", v2(routing_key="short"), 400, "Length of 'routing_key' is incorrect (should be 32 characters)"),
    ("long key", v2(routing_key="a" * 33), 400, "Length of 'routing_key' is incorrect (should be 32 characters)"),
    ("odd key", v2(routing_key="!" * 32), 400, "'routing_key' cannot contain non-alphanumeric characters."),
    ("foreign digits", v2(routing_key="٣" * 32), 400, "'routing_key' cannot contain non-alphanumeric characters."),
    ("unknown key", v2(routing_key="f" * 32), 400, "Invalid routing key"),
    ("number as key", v2(routing_key=12345), 400, "'routing_key' is invalid (must be a string)"),
    ("list as key", v2(routing_key=[KEY]), 400, "'routing_key' is invalid (must be a string)"),
    ("no action", v2(event_action=...), 400, "'event_action' is missing or blank"),
    ("blank action", v2(event_action=""), 400, "'event_action' is missing or blank"),
    ("odd action", v2(event_action="explode"), 400, ACTIONS),
    ("number as action", v2(event_action=1), 400, "'event_action' is invalid"),
    ("list as action", v2(event_action=["trigger"]), 400, "'event_action' is invalid"),
    ("shouted action", v2(event_action="TRIGGER"), 202, ""),
    ("no dedup key", v2(dedup_key=...), 202, '"dedup_key":"'),
    ("null dedup key", v2(dedup_key=None), 202, '"dedup_key":"'),
    ("blank dedup key", v2(dedup_key=" "), 202, '"dedup_key":"'),
    ("number as dedup key", v2(dedup_key=1024), 202, '"dedup_key":"1024"'),
    ("list as dedup key", v2(dedup_key=["a"]), 400, "'dedup_key' is invalid (must be a string)"),
    ("object as dedup key", v2(dedup_key={"a": 1}), 400, "'dedup_key' is invalid (must be a string)"),
    ("true as dedup key", v2(dedup_key=True), 400, "'dedup_key' is invalid (must be a string)"),
    ("255 characters", v2(dedup_key="k" * 255), 202, "k" * 255),
    ("256 characters", v2(dedup_key="k" * 256), 400, "'dedup_key' is too long (maximum is 255 characters)"),
    ("100 kB dedup key", v2(dedup_key="k" * 100_000), 400, "'dedup_key' is too long"),
    ("nul in dedup key", v2(dedup_key="a\0b"), 202, '"dedup_key":"a\ufffdb"'),
    ("surrogate in dedup key", v2(dedup_key="a\ud800"), 202, '"dedup_key":"a\ufffd"'),
    ("quotes in dedup key", v2(dedup_key='"}]'), 202, '"dedup_key":"\\"}]"'),
    ("acknowledge without key", v2(event_action="acknowledge", dedup_key=...), 400, "'dedup_key' is missing or blank"),
    ("resolve without key", v2(event_action="resolve", dedup_key=""), 400, "'dedup_key' is missing or blank"),
    ("resolve without payload", v2(event_action="resolve", payload=...), 202, ""),
    ("resolve with a broken payload", v2(event_action="resolve", payload={"severity": "page"}), 202, ""),
    ("resolve with a broken link", v2(event_action="resolve", links=[{}]), 202, ""),
    ("resolve with text as payload", v2(event_action="resolve", payload="all is well"), 202, ""),
    ("no payload", v2(payload=...), 400, "'payload' is missing or blank"),
    ("null payload", v2(payload=None), 400, "'payload' is missing or blank"),
    ("empty payload", v2(payload={}), 400, "'payload' is missing or blank"),
    ("text as payload", v2(payload="disk full"), 400, "'payload' is invalid (must be an object)"),
    ("list as payload", v2(payload=[1]), 400, "'payload' is invalid (must be an object)"),
    ("no summary", payload(summary=...), 400, "'payload.summary' is missing or blank"),
    ("blank summary", payload(summary=" \t "), 400, "'payload.summary' is missing or blank"),
    ("number as summary", payload(summary=5), 400, "'payload.summary' is invalid (must be a string)"),
    ("object as summary", payload(summary={"a": 1}), 400, "'payload.summary' is invalid (must be a string)"),
    ("long summary", payload(summary="x" * 5000), 202, ""),
    ("nul in summary", payload(summary="Disk\0full"), 202, ""),
    ("only nul as summary", payload(summary="\0"), 202, ""),
    ("lines in summary", payload(summary="one\r\ntwo\u2028three"), 202, ""),
    ("no source", payload(source=...), 400, "'payload.source' is missing or blank"),
    ("blank source", payload(source=""), 400, "'payload.source' is missing or blank"),
    ("list as source", payload(source=["db-1"]), 400, "'payload.source' is invalid (must be a string)"),
    ("no severity", payload(severity=...), 400, "'payload.severity' is missing or blank"),
    ("odd severity", payload(severity="page"), 400, SEVERITIES),
    ("number as severity", payload(severity=1), 400, "'payload.severity' is invalid"),
    ("shouted severity", payload(severity="CRITICAL"), 202, ""),
    ("odd timestamp", payload(timestamp="yesterday"), 202, ""),
    ("number as timestamp", payload(timestamp=1700000000), 202, ""),
    ("number as component", payload(component=5), 202, ""),
    ("object as group", payload(group={"a": 1}), 202, ""),
    ("list as class", payload(**{"class": ["a"]}), 202, ""),
    ("long component", payload(component="x" * 100_000), 202, ""),
    ("number as client", v2(client=5, client_url=[1]), 202, ""),
    ("script as client address", v2(client_url="javascript:alert(1)"), 202, ""),
    ("text as links", v2(links="https://example.org/"), 202, ""),
    ("object as links", v2(links={"href": "https://example.org/"}), 202, ""),
    ("link without address", v2(links=[{"text": "graph"}]), 400, "'link href' is missing or blank"),
    ("text as link", v2(links=["https://example.org/"]), 400, "'link href' is missing or blank"),
    ("image without source", v2(images=[{"alt": "graph"}]), 400, "'image src' is missing or blank"),
    ("null as image", v2(images=[None]), 400, "'image src' is missing or blank"),
    ("10,000 links", v2(links=[{"href": "https://example.org/"}] * 10_000), 202, ""),
    ("nulls everywhere", v2(client=None, client_url=None, links=None, images=None), 202, ""),
    ("unknown fields", v2(integration={"kind": "x"}, role="admin", id=1), 202, ""),
    ("everything wrong", ALL_WRONG, 400, "'image src' is missing or blank"),
)  # fmt: skip

ODD_CHANGES: tuple[tuple[str, bytes, int, str], ...] = (
    ("empty change", b"{}", 400, "'routing_key' is missing or blank"),
    ("no payload", change(payload=...), 400, "'payload' is missing or blank"),
    ("text as payload", change(payload="deployed"), 400, "'payload' is invalid (must be an object)"),
    ("no summary", change(payload={"source": "ci"}), 400, "'payload.summary' is missing or blank"),
    ("number as summary", change(payload={"summary": 7}), 400, "'payload.summary' is invalid (must be a string)"),
    ("no source", change(payload={"summary": "Deployed"}), 202, "Change event processed"),
    ("number as source", change(payload={"summary": "Deployed", "source": 5}), 202, ""),
    ("odd timestamp", change(payload={"summary": "Deployed", "timestamp": "now"}), 202, ""),
    ("unknown key", change(routing_key="e" * 32), 400, "Invalid routing key"),
    ("link without address", change(links=[{"text": "build"}]), 400, "'link href' is missing or blank"),
    ("long summary", change(payload={"summary": "x" * 3000}), 202, ""),
)  # fmt: skip

ODD_V1: tuple[tuple[str, bytes, int, str], ...] = (
    ("empty object", b"{}", 400, "Service key can't be blank"),
    ("an event of v2", v2(), 400, "'event_type' is missing or blank"),
    ("no key", v1(service_key=...), 400, "Service key can't be blank"),
    ("short key", v1(service_key="short"), 400, "Service key is the wrong length (should be 32 characters)"),
    ("number as key", v1(service_key=5), 400, "Service key is the wrong length (should be 32 characters)"),
    ("unknown key", v1(service_key="d" * 32), 400, "Invalid service key"),
    ("odd key", v1(service_key="\u00e9" * 32), 400, "Invalid service key"),
    ("odd type", v1(event_type="explode"), 400, "'event_type' is invalid"),
    ("list as type", v1(event_type=[]), 400, "'event_type' is invalid"),
    ("no description", v1(description=...), 400, "Description can't be blank"),
    ("number as description", v1(description=5), 400, "Description is invalid (must be a string)"),
    ("long description", v1(description="x" * 9000), 200, ""),
    ("resolve without key", v1(event_type="resolve", incident_key=...), 400, "Incident key can't be blank"),
    ("resolve without description", v1(event_type="resolve", description=...), 200, '"incident_key":"disk"'),
    ("list as incident key", v1(incident_key=[1]), 400, "Incident key is invalid (must be a string)"),
    ("256 characters", v1(incident_key="k" * 256), 400, "Incident key is too long (maximum is 255 characters)"),
    ("number as incident key", v1(incident_key=42), 200, '"incident_key":"42"'),
    ("context without address", v1(contexts=[{"type": "link"}]), 400, "'link href' is missing or blank"),
    ("context without source", v1(contexts=[{"type": "image"}]), 400, "'image src' is missing or blank"),
    ("odd contexts", v1(contexts=[1, None, {"type": "video"}, "x"]), 200, ""),
    ("text as contexts", v1(contexts="x"), 200, ""),
)  # fmt: skip

BOMB = gzip.compress(b" " * 50_000_000)

PACKED: tuple[tuple[str, str, bytes, int, str], ...] = (
    ("gzip", "gzip", gzip.compress(v2()), 202, ""),
    ("x-gzip", "x-gzip", gzip.compress(v2()), 202, ""),
    ("shouted gzip", "GZIP", gzip.compress(v2()), 202, ""),
    ("zlib", "deflate", zlib.compress(v2()), 202, ""),
    ("raw deflate", "deflate", zlib.compress(v2())[2:-4], 202, ""),
    ("identity", "identity", v2(), 202, ""),
    ("not gzip", "gzip", v2(), 400, "cannot be unpacked"),
    ("cut gzip", "gzip", gzip.compress(v2())[:-9], 400, "cannot be unpacked"),
    ("gzip and more", "gzip", gzip.compress(v2()) + b"junk", 400, "cannot be unpacked"),
    ("empty gzip", "gzip", b"", 400, "cannot be unpacked"),
    ("bomb", "gzip", BOMB, 413, "unpacks to more than"),
    ("bomb in a bomb", "gzip", gzip.compress(BOMB), 400, ""),
    ("twice", "gzip, gzip", gzip.compress(gzip.compress(v2())), 415, "content encoding"),
    ("brotli", "br", v2(), 415, "content encoding"),
    ("nonsense", "\u00e9", v2(), 415, "content encoding"),
)  # fmt: skip


def cases() -> list[Case]:
    """Every request whose HTTP is in order while its content is not."""
    found = [
        Case(f"{name} at {path}", path, body, s, w) for path in (V2, CHANGE, V1) for name, body, s, w in UGLY_TEXTS
    ]
    for name, text, status, words in ODD_DETAILS:
        found.append(Case(f"{name} in v2", V2, details(text), status or 202, words))
        found.append(Case(f"{name} in v1", V1, v1_details(text), status or 200, words))
    for path, table in ((V2, ODD_V2), (CHANGE, ODD_CHANGES), (V1, ODD_V1)):
        found.extend(Case(f"{name} at {path}", path, body, status, words) for name, body, status, words in table)
    for name, encoding, body, status, words in PACKED:
        found.append(Case(f"{name} packed", V2, body, status, words, {"Content-Encoding": encoding}))
    return found
