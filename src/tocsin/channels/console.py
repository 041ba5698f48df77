"""Console: pages written as lines of text, for a demonstration or a terminal that somebody watches."""

import sys
from pathlib import Path
from typing import Protocol

from msgspec import Struct

from tocsin.domain.paging.channel import Accepted, Address, Channel, Outcome, Provider, Temporary
from tocsin.domain.paging.message import Message
from tocsin.domain.paging.wording import moment, plain_text, short
from tocsin.wire import Wire

RETRY_AFTER = 5.0  # seconds: a full disk or a closed pipe may heal
LONGEST_NAME = 100  # characters of the name under which a console is watched


class Stream(Protocol):
    """What a page can be written to."""

    def write(self, text: str, /) -> object:
        """Take the text."""

    def flush(self) -> object:
        """Let it out."""


class ConsoleSettings(Struct, frozen=True, kw_only=True):
    """Where pages are written: the given stream, else the file at `path`, else standard output for `-`."""

    stream: Stream | None = None
    path: str = "-"


class Console:
    """Writes each page as a few lines."""

    name = "console"
    lines = 8

    def __init__(self, settings: ConsoleSettings) -> None:
        self._settings = settings

    async def send(self, message: Message, to: Address, key: str) -> Outcome:
        """Write the page; a stream that cannot take it now is asked again later."""
        head = f"{moment(message.sent_at, message.time_zone)} · to {plain_text(to.person, LONGEST_NAME)}"
        body = "\n".join(f"  {line}" for line in short(message).splitlines())
        text = f"{head} · {key}\n{body}\n"
        try:
            self._write(text)
        except (OSError, ValueError) as error:
            return Temporary(f"the console cannot be written to ({type(error).__name__})", RETRY_AFTER)
        return Accepted(key)

    async def close(self) -> None:
        """Leave the stream open; it belongs to whoever gave it."""

    def _write(self, text: str) -> None:
        if self._settings.stream is None and self._settings.path != "-":
            with Path(self._settings.path).open("a", encoding="utf-8") as file:
                file.write(text)
            return
        stream: Stream = self._settings.stream or sys.stdout
        stream.write(text)
        stream.flush()


def _providers(settings: ConsoleSettings, _wire: Wire) -> tuple[Provider, ...]:
    return (Console(settings),)


def _check_address(address: str) -> str:
    return plain_text(address, LONGEST_NAME) or "console"


CHANNEL = Channel(
    kind="console",
    says="Lines of text where Tocsin runs",
    limit=None,
    settings=ConsoleSettings,
    providers=_providers,
    check_address=_check_address,
)
