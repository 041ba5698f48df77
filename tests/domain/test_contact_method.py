"""Addresses: what is kept of an address is accepted again, and what cannot be one never gets through."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as some

from tocsin.domain.paging.contact_method import checked_address, checked_label
from tocsin.domain.paging.notification_rule import checked_delay
from tocsin.domain.people.user import checked_email, checked_name
from tocsin.ground.errors import Refused

CHANNELS = ("email", "sms", "voice", "whatsapp", "push", "webhook")


@given(some.sampled_from(CHANNELS), some.text(max_size=60), some.none() | some.integers(1, 999))
def test_a_kept_address_is_kept_as_it_is(channel: str, text: str, code: int | None) -> None:
    try:
        kept = checked_address(channel, text, code)
    except Refused:
        return
    assert checked_address(channel, kept.address, kept.country_code) == kept


@given(some.from_regex(r"\+[1-9][0-9]{5,14}", fullmatch=True))
def test_a_telephone_number_is_digits_beside_its_country(text: str) -> None:
    try:
        kept = checked_address("sms", text, None)
    except Refused:
        return
    assert kept.country_code is not None
    assert text == f"+{kept.country_code}{kept.address}" or text.startswith(f"+{kept.country_code}0")


@pytest.mark.parametrize("text", ["", "ada", "@example.org", "ada@", "a b@example.org", "a@b@c", "a@" + "b" * 260])
def test_what_is_no_mail_address_is_refused(text: str) -> None:
    with pytest.raises(Refused):
        checked_email(text)


@pytest.mark.parametrize("text", ["ada@localhost", "ada+pager@example.org", " ADA@example.org ", "ü@exämple.org"])
def test_unusual_mail_addresses_are_taken(text: str) -> None:
    assert checked_email(text) == text.strip()


def test_names_and_labels_are_tidied_and_bounded() -> None:
    assert checked_name("  Ada \n Lovelace ") == "Ada Lovelace"
    assert checked_label(" Work  phone") == "Work phone"
    for wrong in (" ", "x" * 101):
        with pytest.raises(Refused):
            checked_label(wrong)


@pytest.mark.parametrize("minutes", [-1, 10_081, 10**12])
def test_a_delay_is_between_now_and_a_week(minutes: int) -> None:
    with pytest.raises(Refused):
        checked_delay(minutes)
