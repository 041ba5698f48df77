"""Text: repairing and trimming what other programs send, so that no page is lost over a character."""

import re

REPLACEMENT = "\ufffd"
_UGLY = re.compile("[\x00\ud800-\udfff]")
_SPACES = re.compile(r"\s+")


def repair(text: str) -> str:
    """Return the text with NUL and lone surrogates replaced by U+FFFD, which PostgreSQL can store."""
    return _UGLY.sub(REPLACEMENT, text) if _UGLY.search(text) else text


def trim(text: str, longest: int) -> str:
    """Return at most `longest` characters, the last one an ellipsis when something was cut."""
    return text if len(text) <= longest else text[: longest - 1] + "…"


def squash(name: str) -> str:
    """Return a name without outer spaces and with inner runs of them made one, as PagerDuty stores names."""
    return _SPACES.sub(" ", name).strip()


def one_line(text: str) -> str:
    """Return the text on a single line, for subjects, headers and log lines."""
    return _SPACES.sub(" ", text).strip()
