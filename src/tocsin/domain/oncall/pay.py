"""Pay for being on call: what a team's rules give for each kind of hour and for each page, to the last cent."""

from collections.abc import Iterable, Mapping
from decimal import ROUND_HALF_EVEN, ROUND_HALF_UP, Decimal

from msgspec import Struct

from tocsin.domain.oncall.hours import KINDS, Kind

_HOUR_S = 3600
_MINUTE_S = 60

MOST_MONEY = Decimal(1_000_000)  # of one rate or one page: more is a mistake in typing, in any currency
LONGEST_ROUNDING = 1440  # minutes: hours are rounded to a day at most
LONGEST_PAGE_MINUTES = 1440
_MOST_RATE_DECIMALS = 4  # a rate can be the hundredth part of a cent, as collective agreements have it
_CODE_LENGTH = 3

# ISO 4217: how many decimals amounts of a currency have, where it is not two.
_WITHOUT_DECIMALS = frozenset(
    "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF".split()  # noqa: SIM905 - seventeen quoted codes are harder to read
)
_WITH_THREE_DECIMALS = frozenset({"BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"})


class Rates(Struct, frozen=True, kw_only=True):
    """What an hour on call of each kind is paid."""

    business: Decimal = Decimal(0)
    evening: Decimal = Decimal(0)
    night: Decimal = Decimal(0)
    weekend: Decimal = Decimal(0)
    holiday: Decimal = Decimal(0)

    def of(self, kind: Kind) -> Decimal:
        """Return the rate of this kind of hour."""
        rates: dict[Kind, Decimal] = {
            "business": self.business,
            "evening": self.evening,
            "night": self.night,
            "weekend": self.weekend,
            "holiday": self.holiday,
        }
        return rates[kind]


class PayRules(Struct, frozen=True, kw_only=True):
    """How a team pays. Money is in `currency`, an ISO 4217 code.

    A page is paid as `page_minutes` of work at the rate of its hour, and at least `minimum_per_page`. The hours of
    each kind that one person has in the period are rounded to a multiple of `rounding_minutes`, half of one upwards;
    0 pays each second.
    """

    currency: str
    rates: Rates = Rates()
    minimum_per_page: Decimal = Decimal(0)
    page_minutes: int = 0
    rounding_minutes: int = 0

    def faults(self) -> tuple[str, ...]:
        """Return one sentence for each thing that keeps these from being rules; none when they are."""
        found = []
        if not (len(self.currency) == _CODE_LENGTH and self.currency.isascii() and self.currency.isupper()):
            found.append("currency is a code of ISO 4217 such as EUR.")
        found += [
            f"rates.{kind} is an amount from 0 to {MOST_MONEY}, with at most {_MOST_RATE_DECIMALS} decimals."
            for kind in KINDS
            if not _is_money(self.rates.of(kind))
        ]
        if not _is_money(self.minimum_per_page):
            found.append(
                f"minimum_per_page is an amount from 0 to {MOST_MONEY}, with at most {_MOST_RATE_DECIMALS} decimals."
            )
        if not 0 <= self.page_minutes <= LONGEST_PAGE_MINUTES:
            found.append(f"page_minutes is 0 to {LONGEST_PAGE_MINUTES}.")
        if not 0 <= self.rounding_minutes <= LONGEST_ROUNDING:
            found.append(f"rounding_minutes is 0 to {LONGEST_ROUNDING}.")
        return tuple(found)


class PayLine(Struct, frozen=True, kw_only=True):
    """One line of a person's pay: a kind of hour, how long and how many pages, and what both are worth."""

    kind: Kind
    seconds: int
    rate: Decimal
    amount: Decimal
    pages: int
    page_amount: Decimal

    @property
    def total(self) -> Decimal:
        """Return what the line is worth."""
        return self.amount + self.page_amount


def pay_lines(rules: PayRules, seconds: Mapping[Kind, int], pages: Mapping[Kind, int]) -> tuple[PayLine, ...]:
    """Return the lines of one person in one team, one for each kind of hour that they had or were paged in.

    Each amount is rounded on its own, half to even, so that totals are exactly the sum of what is written down.
    """
    return tuple(
        _line(rules, kind, seconds.get(kind, 0), pages.get(kind, 0))
        for kind in KINDS
        if seconds.get(kind, 0) or pages.get(kind, 0)
    )


def total(lines: Iterable[PayLine]) -> Decimal:
    """Return what these lines are worth together."""
    return sum((line.total for line in lines), Decimal(0))


def shown(amount: Decimal, currency: str) -> str:
    """Return an amount as text with the decimals that its currency has."""
    return f"{amount.quantize(_cent(currency), ROUND_HALF_EVEN):f}"


def _line(rules: PayRules, kind: Kind, seconds: int, pages: int) -> PayLine:
    rate, cent = rules.rates.of(kind), _cent(rules.currency)
    paid = _rounded(seconds, rules.rounding_minutes * _MINUTE_S)
    of_page = max(rate * rules.page_minutes / 60, rules.minimum_per_page)
    return PayLine(
        kind=kind,
        seconds=paid,
        rate=rate,
        amount=(rate * paid / _HOUR_S).quantize(cent, ROUND_HALF_EVEN),
        pages=pages,
        page_amount=(of_page * pages).quantize(cent, ROUND_HALF_EVEN),
    )


def _rounded(seconds: int, step: int) -> int:
    if step == 0:
        return seconds
    return int((Decimal(seconds) / step).quantize(Decimal(1), ROUND_HALF_UP)) * step


def _cent(currency: str) -> Decimal:
    if currency in _WITHOUT_DECIMALS:
        return Decimal(1)
    return Decimal("0.001") if currency in _WITH_THREE_DECIMALS else Decimal("0.01")


def _is_money(amount: Decimal) -> bool:
    exponent = amount.as_tuple().exponent
    return (
        amount.is_finite()
        and 0 <= amount <= MOST_MONEY
        and isinstance(exponent, int)
        and exponent >= -_MOST_RATE_DECIMALS
    )
