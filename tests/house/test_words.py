"""The words of the house: one word per thing, and nothing about the machine or the place it was written on."""

from __future__ import annotations

import ast
import re
from pathlib import Path

from tests.house.tree import PACKAGE, ROOT, sources, texts, verdict, word

# A few of the "never" words of VOCABULARY.md: those that have no ordinary English use in this product.
NEVER = {
    "alert group": "incident",
    "alertgroup": "incident",
    "blackout": "maintenance window",
    "connector": "integration",
    "debounce": "pause",
    "handover": "handoff",
    "org": "account",
    "orgs": "account",
    "playbook": "workflow",
    "retro": "postmortem",
    "rota": "schedule",
    "roster": "schedule",
    "tenant": "account",
    "tenants": "account",
    "workspace": "account",
}
# Where a foreign word is right because it is somebody else's: path prefix inside the repository -> the words.
SPOKEN_BY_OTHERS: dict[str, frozenset[str]] = {
    "src/tocsin/integrations/": frozenset({"alert group", "connector", "org", "tenant", "workspace"}),
    "src/tocsin/api/": frozenset({"org"}),
}
# Class names that say "something about x" in place of what it does.
EMPTY_SUFFIXES = re.compile(r"(?:Handler|Helper|Helpers|Manager|Processor|Util|Utils)$|(?<=[a-z])Service$")
PROPER_NOUNS = frozenset({"BusinessService", "TechnicalService"})

# Each name has a letter in brackets, so that this file does not contain what it forbids.
ELSEWHERE = re.compile(
    r"py[p]i\.org|python[h]osted\.|registry\.[n]pmjs|deb\.[d]ebian\.|proxy\.[g]olang|crates\.[i]o"
    r"|(?<![\w.])/(?:wor[k]|roo[t])/|far[m]-(?:studio|bench)"
    r"|share[d]/(?:notes|DESIGN|design|payloads)"
    r"|(?<!/)\b(?:DESIG[N]|COMMO[N]|styl[e]|architectur[e]|reliabilit[y]|performanc[e]|peer[s]|u[x])\.md\b"
)


def _prose() -> list[tuple[str, str]]:
    kinds = {".css", ".html", ".jinja", ".md", ".py", ".sql", ".toml", ".ts", ".tsx", ".txt"}
    homes = (PACKAGE, ROOT / "docs", ROOT / "ui")
    tops = {ROOT / name for name in ("ARCHITECTURE.md", "CONTRIBUTING.md", "README.md", "SECURITY.md")}
    return [
        (path.relative_to(ROOT).as_posix(), text)
        for path, text in texts()
        if path.suffix in kinds and (path in tops or any(path.is_relative_to(home) for home in homes))
    ]


def _foreign(name: str) -> frozenset[str]:
    return frozenset().union(*(words for prefix, words in SPOKEN_BY_OTHERS.items() if name.startswith(prefix)))


def test_one_word_per_thing() -> None:
    found = []
    for name, text in _prose():
        for never in NEVER.keys() - _foreign(name):
            for match in word(never).finditer(text):
                line = text.count("\n", 0, match.start()) + 1
                found.append(f"{name}:{line} says {match[0]!r}; our word is {NEVER[never]!r}")
    verdict(sorted(found), "VOCABULARY.md has one word for each thing; use it here too:")


def test_no_class_is_named_by_an_empty_suffix() -> None:
    found = [
        f"{source.at(node.lineno)} {node.name}"
        for source in sources("src")
        for node in ast.walk(source.tree)
        if isinstance(node, ast.ClassDef) and EMPTY_SUFFIXES.search(node.name) and node.name not in PROPER_NOUNS
    ]
    verdict(found, "Name the class by what it is or does:")


def _elsewhere(path: Path, text: str) -> list[str]:
    name = path.relative_to(ROOT).as_posix()
    return [
        f"{name}:{text.count(chr(10), 0, match.start()) + 1} names {match[0]!r}" for match in ELSEWHERE.finditer(text)
    ]


def test_nothing_names_the_place_it_was_written_on() -> None:
    found = [line for path, text in texts() for line in _elsewhere(path, text)]
    verdict(found, "Registry hosts, paths of one machine and papers outside this repository mean nothing to a reader:")


def test_locks_hold_hashes_and_no_addresses() -> None:
    found: list[str] = []
    for lock in sorted((ROOT / "requirements").glob("*.txt")):
        text = lock.read_text(encoding="utf-8")
        pins = re.findall(r"^[a-z0-9][^\s=]*==[^\n]*(?:\n    --hash=[^\n]*)*", text, flags=re.MULTILINE)
        found.extend(f"{lock.name}: {pin.split()[0]} has no hash" for pin in pins if "--hash=sha256:" not in pin)
        found.extend(f"{lock.name}: {line}" for line in text.splitlines() if "://" in line or "index-url" in line)
    verdict(found, "Write the locks with `make lock`:")
