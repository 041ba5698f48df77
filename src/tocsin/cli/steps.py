"""Steps: the progress of long work on standard error, as a bar for people and not at all in a pipe."""

from typing import TYPE_CHECKING, Self

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from tocsin.cli.screen import Screen

if TYPE_CHECKING:
    from tocsin.store.backup import Step


class Steps:
    """A bar while work goes on; it is gone when the work is done."""

    def __init__(self, screen: Screen) -> None:
        """Prepare a bar beside the results."""
        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            console=screen.aside,
            transient=True,
            disable=not screen.aside.is_terminal,
        )
        self._task = self._bar.add_task("", total=None)

    def __enter__(self) -> Self:
        """Show the bar."""
        self._bar.start()
        return self

    def __exit__(self, *_failure: object) -> None:
        """Take the bar away."""
        self._bar.stop()

    def take(self, step: "Step") -> None:
        """Show which table a backup or a restore is at."""
        self._bar.update(self._task, description=step.table, completed=step.number, total=step.tables)

    def count(self, done: int, everything: int) -> None:
        """Show how many of all are done."""
        self._bar.update(self._task, completed=done, total=everything)
