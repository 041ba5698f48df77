"""Screen: what a command shows, as tables for people or as JSON for programs."""

import sys
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING, Literal, TextIO

import msgspec

if TYPE_CHECKING:  # the library takes a while to load, and a node that starts has no use for it
    from rich.console import Console
    from rich.text import Text

Output = Literal["table", "json"]

_WIDE = 1000  # columns

_STYLES = {
    "triggered": "bold red",
    "acknowledged": "yellow",
    "resolved": "green",
    "high": "bold",
    "low": "dim",
    "ok": "green",
    "warn": "yellow",
    "fail": "bold red",
}


class Screen:
    """Standard output for results, standard error for everything said on the way.

    With JSON the results are the only thing on standard output, so that a program can read it whole.
    """

    def __init__(self, output: Output) -> None:
        """Show results in this way."""
        self.output = output

    @cached_property
    def out(self) -> "Console":
        """Standard output."""
        from rich.console import Console

        return Console(highlight=False, emoji=False, width=_width(sys.stdout))

    @cached_property
    def aside(self) -> "Console":
        """Standard error."""
        from rich.console import Console

        return Console(stderr=True, highlight=False, emoji=False, width=_width(sys.stderr))

    @property
    def for_programs(self) -> bool:
        """Whether results are JSON."""
        return self.output == "json"

    def say(self, text: str) -> None:
        """Say something to people; programs do not get to hear it."""
        if not self.for_programs:
            self.out.print(text, markup=False, soft_wrap=True)

    def tell(self, text: str) -> None:
        """Tell of a slow step, beside the results."""
        self.aside.print(text, markup=False, style="dim", soft_wrap=True)

    def complain(self, text: str) -> None:
        """Say what went wrong, beside the results."""
        self.aside.print(text, markup=False, style="bold red" if self.aside.is_terminal else None, soft_wrap=True)

    def data(self, value: object, *, one_line: bool = False) -> None:
        """Write a value as JSON; on one line for programs that read line by line."""
        text = msgspec.json.encode(value)
        sys.stdout.write((text if one_line else msgspec.json.format(text, indent=2)).decode() + "\n")
        sys.stdout.flush()

    def table(self, columns: Sequence[str], rows: Iterable[Sequence[object]], *, empty: str = "") -> None:
        """Show rows under headings, or the sentence `empty` when there are none."""
        from rich.table import Table

        table = Table(*columns, box=None, padding=(0, 2, 0, 0), header_style="dim", pad_edge=False)
        for row in rows:
            table.add_row(*(cell(value) for value in row))
        if table.row_count:
            self.out.print(table)
        elif empty:
            self.say(empty)

    def facts(self, facts: Mapping[str, object]) -> None:
        """Show named facts, one a line."""
        from rich.table import Table

        table = Table(box=None, padding=(0, 2, 0, 0), show_header=False, pad_edge=False)
        table.add_column(style="dim", no_wrap=True)
        table.add_column(overflow="fold")
        for name, value in facts.items():
            table.add_row(name, cell(value))
        self.out.print(table)


def _width(stream: TextIO) -> int | None:
    """Return the width to write in: a terminal's own, and in files and pipes so much that no line is folded."""
    return None if stream.isatty() else _WIDE


def cell(value: object) -> "Text":
    """Return a value as it stands in a table."""
    from rich.text import Text

    if isinstance(value, Text):
        return value
    if isinstance(value, datetime):
        return Text(when(value))
    text = "" if value is None else str(value)
    return Text(text, style=_STYLES.get(text, ""))


def when(at: datetime | str | None) -> str:
    """Return an instant in this machine's zone, with the zone's name; a text is an instant as the API writes it."""
    if not at:
        return ""
    instant = datetime.fromisoformat(at) if isinstance(at, str) else at
    return instant.astimezone().strftime("%Y-%m-%d %H:%M:%S %Z")


def listed(ids: Iterable[str]) -> str:
    """Return names in one line."""
    return ", ".join(ids)
