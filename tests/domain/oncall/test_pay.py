"""Pay for being on call: rates by kind of hour, a minimum per page, and totals that add up to the cent."""

from __future__ import annotations

from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as some

from tocsin.domain.oncall.hours import KINDS, Kind
from tocsin.domain.oncall.pay import PayLine, PayRules, Rates, pay_lines, shown, total

RULES = PayRules(
    currency="EUR",
    rates=Rates(business=Decimal("5.00"), night=Decimal("12.50")),
    minimum_per_page=Decimal(10),
    page_minutes=30,
)


def _line(rules: PayRules, kind: Kind, seconds: int, pages: int) -> PayLine:
    (line,) = pay_lines(rules, {kind: seconds}, {kind: pages})
    return line


def test_hours_and_pages_are_paid() -> None:
    line = _line(RULES, "night", 36_000, 2)
    assert (line.amount, line.page_amount, line.total) == (Decimal("125.00"), Decimal("20.00"), Decimal("145.00"))


def test_a_page_is_worth_its_minutes_when_they_are_more_than_the_minimum() -> None:
    rules = PayRules(currency="EUR", rates=Rates(night=Decimal(60)), minimum_per_page=Decimal(10), page_minutes=15)
    assert _line(rules, "night", 0, 3).page_amount == Decimal("45.00")


def test_a_kind_without_hours_and_pages_has_no_line() -> None:
    assert pay_lines(RULES, {"business": 0}, {}) == ()


def test_hours_are_rounded_half_up() -> None:
    rules = PayRules(currency="EUR", rates=Rates(business=Decimal(60)), rounding_minutes=15)
    assert [_line(rules, "business", seconds, 1).seconds for seconds in (449, 450, 1349, 1350)] == [0, 900, 900, 1800]


def test_amounts_have_the_decimals_of_their_currency() -> None:
    assert [shown(Decimal("10.5"), code) for code in ("EUR", "JPY", "KWD")] == ["10.50", "10", "10.500"]
    yen = PayRules(currency="JPY", rates=Rates(business=Decimal(1000)))
    assert _line(yen, "business", 3601, 0).amount == Decimal(1000)


def test_rules_have_bounds() -> None:
    assert RULES.faults() == ()
    wrong = PayRules(
        currency="euro",
        rates=Rates(night=Decimal(-1)),
        minimum_per_page=Decimal("0.00001"),
        page_minutes=-1,
        rounding_minutes=2000,
    )
    assert len(wrong.faults()) == 5


_MONEY = some.decimals(min_value=0, max_value=10_000, places=4)


@given(
    rates=some.tuples(*(_MONEY for _ in KINDS)),
    people=some.lists(
        some.tuples(
            some.dictionaries(some.sampled_from(KINDS), some.integers(0, 10**7)),
            some.dictionaries(some.sampled_from(KINDS), some.integers(0, 500)),
        ),
        max_size=6,
    ),
    rounding=some.sampled_from((0, 1, 15, 60)),
    currency=some.sampled_from(("EUR", "JPY", "KWD")),
)
def test_what_is_written_down_adds_up_exactly(
    rates: tuple[Decimal, ...],
    people: list[tuple[dict[Kind, int], dict[Kind, int]]],
    rounding: int,
    currency: str,
) -> None:
    business, evening, night, weekend, holiday = rates
    paid = Rates(business=business, evening=evening, night=night, weekend=weekend, holiday=holiday)
    rules = PayRules(
        currency=currency, rates=paid, minimum_per_page=Decimal("1.25"), page_minutes=20, rounding_minutes=rounding
    )
    lines = [line for seconds, pages in people for line in pay_lines(rules, seconds, pages)]
    written = sum((Decimal(shown(line.amount, currency)) for line in lines), Decimal(0))
    written += sum((Decimal(shown(line.page_amount, currency)) for line in lines), Decimal(0))
    assert written == total(lines) == Decimal(shown(total(lines), currency))
    for line in lines:
        exact = line.rate * line.seconds / 3600
        assert abs(line.amount - exact) <= Decimal("0.5")
        assert rounding == 0 or line.seconds % (rounding * 60) == 0
