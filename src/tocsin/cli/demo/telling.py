"""Telling: how the story looks in the terminal: scenes, letters, and the incident's log as a table."""

from collections.abc import Sequence

from msgspec import Struct
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from tocsin.cli.demo.mailbox import Letter
from tocsin.cli.screen import Screen, cell

_MOST_LINES = 9  # of a letter; the rest are details
_LONGEST_LINK = 76  # characters; a link is longer than a terminal is wide


class Moment(Struct, frozen=True):
    """A line of the incident's log: how long after the one before, how long after the start, and what it says."""

    step_ms: float
    after_ms: float
    says: str


class Teller:
    """Tells the story to people; programs get the facts at the end."""

    def __init__(self, screen: Screen) -> None:
        """Tell on this screen."""
        self.screen = screen
        self.facts: dict[str, object] = {}
        self._scene = 0

    def scene(self, title: str) -> None:
        """Begin a scene."""
        self._scene += 1
        if not self.screen.for_programs:
            self.screen.out.print()
            self.screen.out.print(Text(f"{self._scene}. {title}", style="bold"))

    def say(self, text: str) -> None:
        """Say a line of the scene."""
        for line in text.splitlines():
            self.screen.say(f"   {line}")

    def proved(self, text: str) -> None:
        """Say something that was checked and holds."""
        if not self.screen.for_programs:
            self.screen.out.print(Text.assemble("   ", ("✓ ", "bold green"), text))

    def letter(self, letter: Letter) -> None:
        """Show a letter as its reader sees it, shortened."""
        if self.screen.for_programs:
            return
        lines = [line for line in letter.text.splitlines() if line.strip()][:_MOST_LINES]
        body = Text("\n".join(shortened(line) for line in lines))
        head = Text.assemble(
            ("From     ", "dim"), f"{letter.mail['From']}\n",
            ("To       ", "dim"), f"{letter.recipient}\n",
            ("Subject  ", "dim"), (f"{letter.subject}\n\n", "bold"),
        )  # fmt: skip # one header a line
        self.screen.out.print(Panel(head + body, title="a letter", title_align="left", border_style="dim", width=96))

    def log(self, moments: Sequence[Moment]) -> None:
        """Show the incident's log."""
        if self.screen.for_programs:
            return
        table = Table(box=None, padding=(0, 2, 0, 3), header_style="dim", pad_edge=False)
        for heading in ("step", "since the alert"):
            table.add_column(heading, justify="right", no_wrap=True)
        table.add_column("what happened", overflow="fold")
        for moment in moments:
            table.add_row(duration(moment.step_ms), duration(moment.after_ms), cell(moment.says))
        self.screen.out.print(table)


def shortened(line: str) -> str:
    """Return a line with a long link cut."""
    return line if len(line) <= _LONGEST_LINK or "://" not in line else line[: _LONGEST_LINK - 1] + "…"


def duration(ms: float) -> str:
    """Return a time in the unit that reads best."""
    return f"{ms / 1000:.2f} s" if ms >= 1000 else f"{ms:.0f} ms"  # noqa: PLR2004 - a thousand milliseconds are a second
