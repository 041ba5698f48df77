"""Audit links: two different records never share one, and secrets are taken out before anything is kept."""

from datetime import UTC, datetime

import msgspec
from hypothesis import given
from hypothesis import strategies as some

from tocsin.domain.people.audit import GENESIS, HIDDEN, Head, Record, canonical, link, presentable, sign, signed_by

AT = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
records = some.builds(
    Record,
    id=some.integers(1, 99), at=some.just(AT),
    actor=some.text("ab|", max_size=3), method=some.text("ab|", max_size=3), action=some.text("ab|", max_size=3),
    resource_kind=some.text("ab|", max_size=3), resource_id=some.text("ab|", max_size=3),
    change=some.text("ab|", max_size=3),
)  # fmt: skip


@given(records, records)
def test_two_records_are_the_same_bytes_only_when_they_are_the_same(one: Record, other: Record) -> None:
    assert (canonical(one) == canonical(other)) == (one == other)


@given(records)
def test_a_link_depends_on_what_came_before_and_on_its_place(record: Record) -> None:
    links = {link(GENESIS, 1, record), link(GENESIS, 2, record), link(b"x" * 32, 1, record)}
    assert len(links) == 3


def test_only_the_key_that_signed_a_head_knows_it_again() -> None:
    head = Head(7, GENESIS)
    code = sign(head, b"k" * 32)
    assert signed_by(head, code, b"k" * 32)
    assert not signed_by(head, code, b"x" * 32)
    assert not signed_by(Head(6, GENESIS), code, b"k" * 32)
    assert not signed_by(head, code[:-1], b"k" * 32)


nested = some.recursive(
    some.text() | some.integers() | some.none() | some.booleans(),
    lambda inner: some.lists(inner) | some.dictionaries(some.text(), inner),
)


@given(some.dictionaries(some.text(), nested))
def test_whatever_changed_can_be_stored_as_json_in_postgresql(change: dict[str, object]) -> None:
    stored = msgspec.json.encode(presentable(change)).decode()
    assert "\\u0000" not in stored


@given(nested, some.sampled_from(["password", "apiToken", "Routing_Key", "client_secret", "private_key_pem"]))
def test_nothing_under_a_secrets_name_is_kept(value: object, name: str) -> None:
    assert presentable({"settings": [{name: value}]}) == {"settings": [{name: HIDDEN}]}
