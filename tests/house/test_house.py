"""The rules of the rooms: sizes, names, first sentences, one clock, the walk, and a map that is true."""

from __future__ import annotations

import ast
import re
from itertools import chain

from tests.house.tree import PACKAGE, ROOT, Source, paths, rooms, sources, verdict

LONGEST_FILE = 400
LONGEST_FUNCTION = 60
LARGEST_ROOM = 45

DRAWERS = frozenset({
    "base", "common", "helper", "helpers", "lib", "manager", "managers", "misc", "handler", "handlers",
    "processor", "shared", "stuff", "tools", "util", "utils",
})  # fmt: skip
SUFFIX_DRAWERS = ("_handler", "_helper", "_helpers", "_manager", "_processor", "_service", "_util", "_utils")
NOUNS_THAT_END_LIKE_A_DRAWER = frozenset({"business_service", "technical_service"})

WALK = ("accept", "correlate", "escalate", "notify", "respond", "tell")
ASIDES = frozenset({"loops", "turn", "watch", "work"})

CLOCKS = frozenset({
    "date.today", "datetime.now", "datetime.today", "datetime.utcnow", "time.monotonic", "time.monotonic_ns",
    "time.perf_counter", "time.perf_counter_ns", "time.time", "time.time_ns",
})  # fmt: skip

SUPPRESSION = re.compile(
    r"#\s*(?:noqa:\s*(?:[A-Z]+[0-9]+[,\s]*)+|type:\s*ignore\[[\w,\s-]+\]|fmt:\s*(?:off|skip)|nosec)(?P<reason>.*)"
)
SHORTEST_REASON = 3  # words


def test_every_file_opens_with_one_sentence() -> None:
    found = []
    for source in sources("src", "tests"):
        first = (ast.get_docstring(source.tree) or "").split("\n", 1)[0]
        if not re.fullmatch(r"\S+ .*[.?!]", first) or re.search(r"[.?!] [A-Z]", first):
            found.append(f"{source.name}: {first!r}")
    verdict(found, "Open the file with a docstring whose first line is one sentence that a user would understand.")


def test_no_file_is_a_drawer() -> None:
    found = []
    for path in chain(paths(PACKAGE), rooms()):
        stem = path.name.split(".", 1)[0].strip("_")
        suffixed = stem.endswith(SUFFIX_DRAWERS) and stem not in NOUNS_THAT_END_LIKE_A_DRAWER
        if stem in DRAWERS or suffixed:
            found.append(path.relative_to(ROOT).as_posix())
    verdict(found, "Name the file by the noun it is about or the verb it does; a drawer collects what has no home.")


def test_no_file_is_too_long() -> None:
    found = [
        f"{source.name}: {lines} lines"
        for source in sources("src", "tests")
        if (lines := source.text.count("\n")) > LONGEST_FILE
    ]
    verdict(found, f"Over {LONGEST_FILE} lines a file holds two nouns: give the second one its own file.")


def test_no_function_is_too_long() -> None:
    found = [
        f"{source.at(function.lineno)} {function.name}: {lines} lines"
        for source in sources("src", "tests")
        for function in source.functions()
        if (lines := (function.end_lineno or 0) - function.lineno + 1) > LONGEST_FUNCTION
    ]
    verdict(found, f"Over {LONGEST_FUNCTION} lines a function does two things: name the second one.")


def test_no_function_takes_whatever_comes() -> None:
    found = [
        f"{source.at(function.lineno)} {function.name}(**{function.args.kwarg.arg})"
        for source in sources("src")
        for function in source.functions()
        if function.args.kwarg is not None
    ]
    verdict(found, "Write the keyword parameters out; a reader and a type checker must see what goes through.")


def _clock_reads(source: Source) -> list[str]:
    found: list[str] = []
    for node in ast.walk(source.tree):
        if isinstance(node, ast.ImportFrom) and node.module == "time":
            read = [alias.name for alias in node.names if f"time.{alias.name}" in CLOCKS]
            found.extend(f"{source.at(node.lineno)} from time import {name}" for name in read)
        elif isinstance(node, ast.Attribute) and ".".join(ast.unparse(node).split(".")[-2:]) in CLOCKS:
            found.append(f"{source.at(node.lineno)} {ast.unparse(node)}")
    return found


def test_only_one_file_reads_a_clock() -> None:
    found = [read for s in sources("src") if s.room_path != "ground/clock.py" for read in _clock_reads(s)]
    verdict(found, "Take the instant as an argument (a turn knows it), or ask ground/clock.py.")


def test_nouns_do_not_wait() -> None:
    found = [
        source.at(node.lineno)
        for source in sources("src")
        if source.room_path.startswith(("domain/", "ground/"))
        for node in ast.walk(source.tree)
        if isinstance(node, ast.AsyncFunctionDef | ast.Await | ast.AsyncFor | ast.AsyncWith)
    ]
    verdict(found, "domain and ground decide with values; what waits belongs in engine, store, wire or a door.")


def test_no_room_is_crowded() -> None:
    crowds = {room: len(list(room.glob("*.py"))) for room in rooms()}
    found = [f"{room.relative_to(ROOT)}: {count} files" for room, count in crowds.items() if count > LARGEST_ROOM]
    verdict(found, f"More than {LARGEST_ROOM} files in a room: part it by noun.")


def test_the_alphabet_of_the_engine_is_the_walk() -> None:
    engine = PACKAGE / "engine"
    entries = {entry.stem for entry in engine.iterdir() if entry.suffix == ".py" or any(entry.glob("*.py"))}
    steps = sorted(entries - ASIDES - {"__init__"})
    assert steps == list(WALK), (
        f"engine/ reads from top to bottom as the walk of an event: {', '.join(WALK)}. Found: {', '.join(steps)}. "
        "Put a part of a step into a folder of that step's name; what only decides belongs in domain/."
    )


def _map() -> str:
    drawn = ROOT / "ARCHITECTURE.md"
    assert drawn.exists(), "Write ARCHITECTURE.md: the walk of an event, then a line for every room."
    return drawn.read_text(encoding="utf-8")


def test_every_room_is_on_the_map() -> None:
    shown = _map()
    names = [room.relative_to(PACKAGE).as_posix() for room in rooms() if room != PACKAGE]
    found = [name for name in names if not re.search(rf"(?<![\w/]){re.escape(name)}/", shown)]
    verdict(found, "Give each of these folders its line in ARCHITECTURE.md, written with a closing slash:")


def test_every_file_on_the_map_exists() -> None:
    shown = _map()
    known = [f"/{path.relative_to(ROOT).as_posix()}" for path in paths(ROOT, "*.py")]
    named = sorted(set(re.findall(r"[A-Za-z_][\w/]*\.py\b", shown)))
    found = [name for name in named if not any(path.endswith(f"/{name}") for path in known)]
    verdict(found, "ARCHITECTURE.md names files that are not there; correct the map:")


def test_every_integration_has_a_sample() -> None:
    folder = PACKAGE / "integrations"
    found = [
        manifest.name
        for manifest in sorted(folder.glob("*.toml"))
        if not any((folder / "samples" / manifest.stem).glob("*"))
    ]
    verdict(found, "An integration is its manifest and a recorded sample: add samples/<id>/ beside it.")


def test_every_channel_sits_its_exam() -> None:
    rooms_of_channels = sorted((PACKAGE / "channels").glob("[!_]*"))
    kinds = [entry.stem for entry in rooms_of_channels if entry.suffix == ".py" or (entry / "__init__.py").exists()]
    found = [kind for kind in kinds if not (ROOT / "tests" / "channels" / f"test_{kind}.py").exists()]
    verdict(found, "A channel without tests/channels/test_<kind>.py is a promise that nobody checked:")


def _patches_of_ours(source: Source) -> list[str]:
    ours = {
        alias.asname or alias.name.split(".")[0]
        for node in ast.walk(source.tree)
        if isinstance(node, ast.ImportFrom | ast.Import)
        for alias in node.names
        if (getattr(node, "module", None) or alias.name).split(".")[0] == "tocsin"
    }
    found = []
    for node in ast.walk(source.tree):
        if isinstance(node, ast.ImportFrom | ast.Import):
            names = [getattr(node, "module", None) or "", *(alias.name for alias in node.names)]
            if {"mock", "unittest.mock"}.intersection(names):
                found.append(f"{source.at(node.lineno)} imports mock")
        elif isinstance(node, ast.Call) and ast.unparse(node.func).endswith(("monkeypatch.setattr", "mocker.patch")):
            target = ast.unparse(node.args[0]) if node.args else ""
            if target.strip("'\"").split(".")[0] in ours | {"tocsin"}:
                found.append(f"{source.at(node.lineno)} patches {target}")
    return found


def test_no_test_patches_our_own_names() -> None:
    found = [patch for source in sources("tests") for patch in _patches_of_ours(source)]
    verdict(found, "Fake the outside world (a mail host, a carrier, a clock row), never one of our own rooms:")


def test_every_suppression_gives_its_reason() -> None:
    found = []
    for source in sources("src", "tests"):
        for number, line in enumerate(source.text.splitlines(), start=1):
            match = SUPPRESSION.search(line)
            silent = match and len(re.findall(r"\w+", match["reason"])) < SHORTEST_REASON
            if silent and "fmt:" not in line:
                found.append(f"{source.at(number)} {line.strip()}")
    verdict(found, "Say on the same line why the rule is wrong here, or follow the rule:")
