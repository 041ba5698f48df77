"""Mapping: expressions find what is there, miss what is not, and can neither run long nor look behind."""

import time

import msgspec
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tocsin.domain.events import Change, Link, Severity
from tocsin.domain.mapping import Manifest, Mapped, Mapper, Request, faults_of, read_manifest
from tocsin.domain.mapping.mapper import MOST_ALERTS
from tocsin.domain.mapping.outcome import dedup_key
from tocsin.ground.errors import Refused, Why
from tocsin.integrations import discovered

HEAD = """
id = "probe"
name = "Probe"
category = "generic"
website = ""
description = "Whatever a test needs."
vendor_id = "PTPROBE"
origin = "community"
guide = "{{ url }}"
"""
EVENT = {"action": "'trigger'", "dedup": '["p.id"]', "summary": "p.said"}

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=12,
)


def _manifest(tables: str = "", **members: str) -> Manifest:
    event = EVENT | members
    lines = [
        f"{name} = {value if value[0] in '[{' else msgspec.json.encode(value).decode()}"
        for name, value in event.items()
    ]
    return read_manifest("\n".join([HEAD, tables, "[event]", *lines]))


def _sent(payload: object, headers: dict[str, str] | None = None) -> Request:
    return Request("POST", headers or {}, {}, msgspec.json.encode(payload))


def _map(manifest: Manifest, payload: object) -> Mapped:
    return Mapper(manifest).map(_sent(payload))


def _value(expression: str, payload: object) -> object:
    """Return what an expression gives, through the details of an event."""
    (event,) = _map(
        _manifest(dedup="[\"'x'\"]", details=f"{{ it = {msgspec.json.encode(expression).decode()} }}"), payload
    ).events
    assert event.details is None or isinstance(event.details, dict)
    return (event.details or {}).get("it")


@pytest.mark.parametrize(
    ("expression", "payload", "value"),
    [
        ("p.a.b.c.d", {}, None),
        ("p.a or p.b or 'c'", {"a": "", "b": None}, "c"),
        ("p.values", {}, None),
        ("p.items", {"items": 3}, 3),
        ("p['__class__']", {}, None),
        ("p.list.append", {"list": [1]}, None),
        ("p is mapping and p.list is sequence and p.gone is not sequence", {"list": []}, True),
        ("p.labels|stable(['replica']) == {'b': 2, 'a': 1}|stable", {"labels": {"a": 1, "replica": "x", "b": 2}}, True),
        ("p.gone|stable", {}, None),
        ("(p.text|fromjson).a", {"text": '{"a": [1]}'}, [1]),
        ("(p.text|fromjson).a", {"text": "not json"}, None),
        ("(p.text|b64json).a", {"text": "eyJhIjogMX0="}, 1),
        ("(p.text|b64json).a", {"text": "***"}, None),
        ("p.text|re('on (\\\\S+)$')", {"text": "Disk full on db-1"}, "db-1"),
        ("p.text|re('[0-9]+')", {"text": "Disk 91 % full"}, "91"),
        ("p.gone|re('(x)?y')", {}, None),
        ("p.text|resub('[0-9]+', '#')", {"text": "9 of 12"}, "# of #"),
        ("p.word|sev", {"word": " P1 "}, "critical"),
        ("p.word|sev", {"word": "spicy"}, None),
        ("p.at|dt", {"at": 1700000000}, "2023-11-14T22:13:20+00:00"),
        ("p.at|dt", {"at": "1700000000123"}, "2023-11-14T22:13:20.123000+00:00"),
        ("p.at|dt", {"at": "yesterday"}, "yesterday"),
        ("p.at|dt", {"at": 1e30}, "1e30"),
        ("p.tags|kv", {"tags": "env:prod, role=db,alone"}, {"env": "prod", "role": "db", "alone": ""}),
        ("(p.tags|kv).env", {"tags": ["env:prod"]}, "prod"),
        ("p.x|filled or 'none'", {"x": "$ALERT_ID"}, "none"),
        ("p.x|filled or 'none'", {"x": "{$ZABBIX.URL}"}, "none"),
        ("p.x|filled or 'none'", {"x": "$5 was paid"}, "$5 was paid"),
    ],
)  # fmt: skip
def test_an_expression_finds_what_is_there(expression: str, payload: object, value: object) -> None:
    assert _value(expression, payload) == value


def test_an_event_is_what_its_manifest_says() -> None:
    manifest = _manifest(
        '[severity]\nloud = "critical"\ndefault = "warning"',
        severity="p.how", time="p.at", client_url="p.url", **{"class": "p.kind"},
        links='[{ text = "Graph", href = "p.url" }, { text = "Bad", href = "p.script" }]',
        images='[{ alt = "Graph", src = "p.url" }]',
    )  # fmt: skip
    said = {"id": 7, "said": " Disk\0 full ", "how": "LOUD", "at": "now", "url": "https://a.example", "kind": ["k"]}
    (event,) = _map(manifest, said | {"script": "javascript:alert(1)"}).events

    assert (event.dedup_key, event.summary, event.source) == ("7", "Disk� full", "Probe")
    assert (event.severity, event.timestamp, event.class_name) == (Severity.CRITICAL, "now", '["k"]')
    assert event.links == (Link("https://a.example", "Graph"),)
    assert event.images[0].alt == "Graph"
    assert (event.client, event.client_url) == ("Probe", "https://a.example")


def test_a_severity_that_nobody_knows_calls_and_is_kept() -> None:
    (event,) = _map(_manifest(severity="p.how"), {"id": "a", "how": "spicy"}).events
    assert (event.severity, event.details) == (Severity.ERROR, {"reported_severity": "spicy"})


def test_an_alert_without_words_still_calls() -> None:
    (event,) = _map(_manifest(), {"id": "a"}).events
    assert event.summary == "Alert of Probe"


def test_one_broken_alert_does_not_cost_the_others() -> None:
    manifest = _manifest('[decode]\neach = "p.all"', dedup='["e.id"]', summary="e.id")
    mapped = _map(manifest, {"all": [{"id": "a"}, {}, {"id": "b"}]})

    assert [event.dedup_key for event in mapped.events] == ["a", "b"]
    assert [fault.split(":")[0] for fault in mapped.faults] == ["Alert 2"]


def test_a_deployment_is_a_change() -> None:
    manifest = read_manifest(
        f"{HEAD}\n[change]\nsummary = \"'Deployed ' ~ p.version\"\ndetails = {{ version = 'p.version' }}"
    )
    assert Mapper(manifest).map(_sent({"version": "1.2"})).changes == (
        Change("Deployed 1.2", source="Probe", details={"version": "1.2"}),
    )


def test_a_greeting_is_no_event() -> None:
    manifest = _manifest("[when]\nhandshake = \"'ping' if h['x-kind'] == 'ping'\"")
    assert Mapper(manifest).map(_sent({}, {"x-kind": "ping"})) == Mapped(note="ping")


@pytest.mark.parametrize(
    ("payload", "why", "said"),
    [
        ({"all": [{}] * (MOST_ALERTS + 1)}, Why.TOO_MANY, "more than 1000 alerts"),
        ({"all": "none"}, Why.INVALID, "no list of alerts"),
        ({"all": [{"id": ""}]}, Why.INVALID, "names the problem"),
        ({"other": 1}, Why.INVALID, "not what Probe sends"),
    ],
)
def test_what_cannot_be_an_alert_is_refused(payload: object, why: Why, said: str) -> None:
    manifest = _manifest('[decode]\neach = "p.all"\n[when]\nrequire = "p.all is defined"', dedup='["e.id"]')
    with pytest.raises(Refused, match=said) as caught:
        _map(manifest, payload)
    assert caught.value.why is why


def test_an_unknown_action_is_refused() -> None:
    with pytest.raises(Refused, match="explode"):
        _map(_manifest(action="'explode'"), {"id": "a"})


def test_a_body_of_the_wrong_size_or_method_is_refused() -> None:
    mapper = Mapper(_manifest("[accept]\nmax_bytes = 10"))
    with pytest.raises(Refused, match="by POST"):
        mapper.map(Request("DELETE", {}, {}, b"{}"))
    with pytest.raises(Refused, match="10 bytes"):
        mapper.map(_sent({"id": "longer than that"}))


@pytest.mark.parametrize(
    "expression",
    [
        "range(99999)|map('string')|join|length",
        "('a' * 9999999)|length",
        "p.id|re('(((a{1,100}){1,100}){1,100})')",
        "p.gone.lower()",
        "p.id|stable(1, 2, 3)",
        "p.id.pop()",
    ],
)
def test_an_expression_that_fails_or_runs_long_is_refused_soon(expression: str) -> None:
    began = time.monotonic()
    with pytest.raises(Refused, match="does not fit"):
        _map(_manifest(summary=expression), {"id": ["a"]})
    assert time.monotonic() - began < 2


@pytest.mark.parametrize(
    ("members", "fault"),
    [
        ({"summary": "p.a +"}, "event.summary: "),
        ({"summary": "nobody.a"}, "event.summary: nobody knows the name nobody"),
        ({"summary": "keep(1)"}, "event.summary: nobody knows the name keep"),
        ({"summary": "p.a|nobody"}, "event.summary: nobody knows the filter nobody"),
        ({"summary": "p.a) %}{% set x = (1"}, "event.summary: "),
        ({"summary": "p.a" + " or p.a" * 400}, "event.summary: longer than"),
        ({"details": '{ a = "p.b", c = "" }'}, "event.details.c: "),
        ({"dedup": "[]"}, "event.dedup: "),
    ],
)
def test_a_faulty_expression_is_named(members: dict[str, str], fault: str) -> None:
    manifest = _manifest(**members)
    assert [found[: len(fault)] for found in faults_of(manifest)] == [fault]
    with pytest.raises(Refused, match=r"event\."):
        Mapper(manifest)


@pytest.mark.parametrize(
    ("table", "fault"),
    [
        ('[verify]\nscheme = "hmac"\nheader = "X-S"\nsigned = ["{x-time}"]', "verify.signed"),
        ('[verify]\nscheme = "hmac"', "verify.header"),
        ('[verify]\nscheme = "hmac"\nheader = "X-S"\ntimestamp_header = "X-T"', "verify.timestamp_header"),
        ("[overload]\nstatus = 200", "overload.status"),
        ("[accept]\nmax_bytes = 99999999", "accept.max_bytes"),
        ('[decode]\nlet.p = "1"', "decode.let.p"),
        ('[change]\nsummary = "p.a"', "change.when"),
    ],
)
def test_a_faulty_table_is_named(table: str, fault: str) -> None:
    assert [found.split(":")[0] for found in faults_of(_manifest(table))] == [fault]


WORDS = st.text(st.sampled_from("ab|\\"), max_size=4)
MEANT = st.lists(WORDS, min_size=2, max_size=2).map(lambda words: [word.strip() for word in words]).filter(any)


@example(one=["a|b", "c"], other=["a", "b|c"])
@example(one=["a\\", "b"], other=["a", "\\b"])
@given(one=MEANT, other=MEANT)
def test_other_parts_make_another_key(one: list[str], other: list[str]) -> None:
    assert (dedup_key(one) == dedup_key(other)) == (one == other)


@given(parts=st.lists(JSON, min_size=1, max_size=3))
def test_a_key_can_always_be_stored(parts: list[object]) -> None:
    try:
        key = dedup_key(parts)
    except Refused:
        return
    assert 0 < len(key) <= 255
    assert "\0" not in key
    key.encode()


MAPPERS = [Mapper(discovered()[tool]) for tool in ("alertmanager", "grafana", "generic-webhook")]
MEMBERS = (
    "status labels annotations startsAt alerts id title state values ruleId ruleName evalMatches specversion data "
    "severity generatorURL image_url source"
)
ALERT = st.fixed_dictionaries({}, optional=dict.fromkeys(MEMBERS.split(), JSON))


@settings(max_examples=200)
@given(payload=ALERT | st.fixed_dictionaries({"alerts": st.lists(ALERT, max_size=3)}) | JSON)
def test_whatever_is_sent_becomes_events_or_a_refusal(payload: object) -> None:
    for mapper in MAPPERS:
        try:
            mapped = mapper.map(_sent(payload))
        except Refused:
            continue
        assert msgspec.json.encode((mapped.events, mapped.changes)).find(b"\\u0000") < 0
