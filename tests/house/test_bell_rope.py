"""The one bell-rope: an incident changes through one function only, and the schema only moves forward."""

from __future__ import annotations

import re

from tests.house.tree import PACKAGE, ROOT, constants, paths, sources, verdict

GUARDED = ("acknowledgement", "alert", "assignment", "incident", "log_entry", "timer")
HAND_ON_THE_ROPE = "store/decisions"  # decisions.py, or a folder of that name

_TABLE = rf'(?:only\s+)?(?:\w+\.)?"?(?P<table>{"|".join(GUARDED)})"?'
WRITE = re.compile(
    rf"\b(?:insert\s+into|delete\s+from|merge\s+into|truncate(?:\s+table)?)\s+{_TABLE}(?![\w\"])"
    rf"|\bupdate\s+{_TABLE.replace('table>', 'updated>')}(?:\s+(?:as\s+)?(?!set\b)\w+)?\s+set\b"
    rf"|\bcopy\s+{_TABLE.replace('table>', 'copied>')}\s*(?:\([^)]*\))?\s*from\b",
    re.IGNORECASE,
)

MIGRATION = re.compile(r"(?P<number>\d{4})_[a-z][a-z0-9_]*\.(?P<phase>pre|post)\.sql")
BACKWARD = re.compile(r"down|revert|rollback|undo")


def test_the_pattern_sees_writes_and_only_writes() -> None:
    writes = (
        "INSERT INTO incident (id) VALUES (1)", "update only alert a set status = 1", "UPDATE timer SET due_at = now()",
        "with gone as (delete from log_entry returning 1)", "COPY assignment (a, b) FROM STDIN", "truncate incident",
    )  # fmt: skip
    others = (
        "select 1 from incident for update of incident skip locked", "insert into incident_note values (1)",
        "insert into inbox values (1) on conflict do update set a = 1", "Update incident notes in bulk.",
        "copy incident to stdout", "delete from timer_history",
    )  # fmt: skip
    assert [text for text in writes if not WRITE.search(text)] == []
    assert [text for text in others if WRITE.search(text)] == []


def test_only_one_file_writes_what_a_decision_writes() -> None:
    found: list[str] = []
    for source in sources("src"):
        if not source.room_path.startswith((f"{HAND_ON_THE_ROPE}.py", f"{HAND_ON_THE_ROPE}/")):
            found.extend(
                f"{source.at(line)} {' '.join(match[0].split())}"
                for line, text in constants(source)
                if (match := WRITE.search(text))
            )
    for path in paths(PACKAGE, "*.sql"):
        if not path.is_relative_to(PACKAGE / "store" / "migrations"):
            match = WRITE.search(path.read_text(encoding="utf-8"))
            found.extend([f"{path.relative_to(ROOT)} {match[0]}"] if match else [])
    verdict(
        found,
        f"Only {HAND_ON_THE_ROPE}.py writes {', '.join(GUARDED)}: give the engine's `act` an order and let it decide.",
    )


def test_migrations_are_numbered_and_only_move_forward() -> None:
    names = [path.name for path in paths(PACKAGE / "store" / "migrations", "*.sql")]
    matches = [MIGRATION.fullmatch(name) for name in names]
    found = [name for name, match in zip(names, matches, strict=True) if not match or BACKWARD.search(name)]
    verdict(found, "Name a migration NNNN_what_it_does.pre.sql or .post.sql; there is no way back, only a next one:")
    numbers = [int(match["number"]) for match in matches if match]
    assert numbers == list(range(1, len(names) + 1)), f"Number the migrations 0001, 0002, … without a gap: {names}"
