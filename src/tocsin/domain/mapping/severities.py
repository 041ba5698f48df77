"""Severities: the words of many tools for how bad it is, and which of our four each one means."""

from collections.abc import Mapping
from typing import Final

from tocsin.domain.events import Severity

_WORDS: Final = {
    Severity.CRITICAL: "critical page p1 sev0 disaster fatal emergency",
    Severity.ERROR: "error high major p2 sev1 sev2",
    Severity.WARNING: "warning warn average minor p3 sev3",
    Severity.INFO: "info informational low none p4 p5 sev4 success",
}
COMMON: Final[dict[str, Severity]] = {word: severity for severity, words in _WORDS.items() for word in words.split()}

UNKNOWN = Severity.ERROR  # a word nobody knows calls people, but says that it was not understood


class Severities:
    """The words of one tool, above those that most tools share; upper and lower case are the same."""

    def __init__(self, words: Mapping[str, str]) -> None:
        self._words = COMMON | {word.lower(): Severity(meant) for word, meant in words.items() if word != "default"}
        self._default = Severity(words.get("default", UNKNOWN))

    def read(self, word: str) -> tuple[Severity, bool]:
        """Return what a word means, and whether it was known; no word at all means the default."""
        said = word.strip().lower()
        found = self._words.get(said)
        return found or self._default, found is not None or not said
