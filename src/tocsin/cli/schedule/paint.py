"""Paint: a drawing on a terminal, in colours where it has them."""

import shutil

from rich.text import Text

from tocsin.cli.schedule.drawing import Line, drawn
from tocsin.cli.schedule.picture import Picture
from tocsin.cli.screen import Screen

_PIPED = (100, 24)  # columns and lines where there is no terminal, and COLUMNS says nothing
_TINTS = ("cyan", "magenta", "green", "yellow", "blue", "bright_cyan", "bright_magenta", "bright_green")
_INKS = {"gap": "bold red", "off": "dim", "faint": "dim", "strong": "bold", "": ""}


def paint(screen: Screen, picture: Picture) -> None:
    """Show a picture, as wide as the terminal."""
    width = shutil.get_terminal_size(_PIPED).columns
    tints = {person.id: _TINTS[number % len(_TINTS)] for number, person in enumerate(picture.people)}
    for line in drawn(picture, width):
        screen.out.print(_inked(line, tints | _INKS), soft_wrap=True)


def _inked(line: Line, styles: dict[str, str]) -> Text:
    text = Text()
    for piece in line:
        text.append(piece.text, styles[piece.ink])
    text.rstrip()
    return text
