"""Sheets: reports as CSV (RFC 4180) that a spreadsheet opens without running anything in it."""

import csv
import io
from collections.abc import Iterable, Sequence
from decimal import Decimal

from msgspec import Raw

from tocsin.api.kit import Answer, Call
from tocsin.api.kit.answer import OK
from tocsin.ground.errors import Refused, Why
from tocsin.ground.text import one_line

Cell = str | int | float | Decimal | None

_FORMATS = ("json", "csv")
_CSV = "text/csv"
_STARTS_A_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "|", "%")


def wants_sheet(call: Call) -> bool:
    """Say whether the client asks for CSV, by `format=csv` or by its Accept header; raise `Refused` (invalid)."""
    said = call.text("format")
    if said is not None and said not in _FORMATS:
        raise Refused(Why.INVALID, "format is json or csv.")
    if said is not None:
        return said == "csv"
    return call.headers.get("accept", "").split(",")[0].split(";")[0].strip().lower() == _CSV


def sheet(name: str, head: Sequence[str], rows: Iterable[Sequence[Cell]]) -> Answer:
    """Answer a table as a CSV file of this name, with a line that names its columns."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow(head)
    writer.writerows([_cell(cell) for cell in row] for row in rows)
    headers = {
        "content-type": f"{_CSV}; charset=utf-8; header=present",
        "content-disposition": f'attachment; filename="{name}.csv"',
        "x-content-type-options": "nosniff",
    }
    return Answer(OK, Raw(text.getvalue().encode()), headers)  # Raw: the kit writes it as it is


def _cell(cell: Cell) -> str:
    """Return a cell as text; what a spreadsheet would take for a formula begins with an apostrophe."""
    if cell is None:
        return ""
    if not isinstance(cell, str):
        return f"{cell:f}" if isinstance(cell, Decimal) else str(cell)
    text = one_line(cell)
    return f"'{text}" if cell.startswith(_STARTS_A_FORMULA) or text.startswith(_STARTS_A_FORMULA) else text
