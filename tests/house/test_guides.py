"""The guides tell the truth: every setting, channel, metric, command and operation is in them, and nothing else."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote

import click
import pytest

from tests.house.tree import PACKAGE, ROOT, paths, verdict
from tocsin.api.kit.operation import discovered as operations
from tocsin.channels import discovered as channels
from tocsin.cli.program import program
from tocsin.config import Config
from tocsin.engine.watch import Watch

GUIDES = ROOT / "docs" / "guide"
SHELLS = frozenset({"", "bash", "console", "sh", "shell"})  # the languages of a fence that holds commands

FENCE = re.compile(r"^```(\w*)[^\n]*\n(.*?)^```", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"(?<!!)\[[^\]]*\]\(([^)\s]+)\)|!\[[^\]]*\]\(([^)\s]+)\)")
HEADING = re.compile(r"^#+ +(.+?) *$", re.MULTILINE)
COMMAND = re.compile(r"^(?:\$ )?(?:[A-Z_]+=\S* +)*(?:\S*/)?tocsin(?= |$)(.*)", re.DOTALL)
SUBSTITUTED = re.compile(r"\$\(([^()]*)\)")
OPERATION = re.compile(r"^\| `(GET|POST|PUT|DELETE|PATCH) (/\S*)`", re.MULTILINE)
METRIC = re.compile(r"`(tocsin_\w+)`")
LOGGED = re.compile(r"^\| (`[a-z_]+\.[a-z_]+`(?:, `[a-z_]+\.[a-z_]+`)*) \|", re.MULTILINE)


def _read(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def _guides() -> dict[Path, str]:
    return {path: _read(path) for path in sorted(GUIDES.glob("*.md"))}


def _pages() -> dict[Path, str]:
    """The guides and the pages that lead to them."""
    tops = [ROOT / name for name in ("README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md")]
    return {path: _read(path) for path in [*tops, *paths(ROOT / "docs", "*.md")]}


def _all_text() -> str:
    return "\n".join(_guides().values())


def _name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def test_every_setting_is_in_a_guide() -> None:
    text = _all_text()
    found = [setting for setting in Config.__struct_fields__ if f"`{setting}`" not in text]
    verdict(found, "Say in docs/guide/operations.md what this setting is for, and what holds when it is not set:")


def test_every_channel_is_in_a_guide() -> None:
    text = _read(GUIDES / "paging.md")
    found = [kind for kind in channels() if f"`{kind}`" not in text]
    verdict(found, "Say in docs/guide/paging.md how people are reached by this channel:")


def _metrics() -> set[str]:
    return {
        f"{metric.name}_total" if metric.type == "counter" else metric.name for metric in Watch().registry.collect()
    }


def test_the_metrics_of_the_guides_are_those_of_the_program() -> None:
    named = {name for text in _guides().values() for name in METRIC.findall(text)}
    found = [f"{name} is in no guide" for name in sorted(_metrics() - named)]
    found += [f"{name} is in a guide and not in the program" for name in sorted(named - _metrics())]
    verdict(found, "The table of metrics in docs/guide/operations.md and engine/watch.py differ:")


def test_the_operations_of_the_guide_are_those_of_the_program() -> None:
    listed = set(OPERATION.findall(_read(GUIDES / "rest-api.md")))
    there = {(each.method, each.path) for each in operations("tocsin.api.rest")}
    found = [f"{' '.join(each)} is not in the guide" for each in sorted(there - listed)]
    found += [f"{' '.join(each)} is in the guide and not in the program" for each in sorted(listed - there)]
    verdict(found, "The list of operations in docs/guide/rest-api.md and api/rest/ differ:")


def test_log_events_of_the_guides_are_written_somewhere() -> None:
    source = "\n".join(_read(path) for path in paths(PACKAGE, "*.py"))
    named = [event for row in LOGGED.findall(_read(GUIDES / "operations.md")) for event in row.split(", ")]
    assert named
    found = [event for event in named if f'"{event.strip("`")}"' not in source]
    verdict(found, "Nothing writes these log events that docs/guide/operations.md tells people to look for:")


def _commands(command: click.Command, words: tuple[str, ...] = ("tocsin",)) -> Iterator[tuple[str, ...]]:
    """The words of every command that does something."""
    if not isinstance(command, click.Group):
        yield words
        return
    context = click.Context(command)
    for name in command.list_commands(context):
        inner = command.get_command(context, name)
        if inner is not None:
            yield from _commands(inner, (*words, name))


def test_every_command_is_in_a_guide() -> None:
    text = _all_text()
    found = [" ".join(words) for words in _commands(program()) if not re.search(rf"{' '.join(words)}\b", text)]
    verdict(found, "Show in a guide what this command is for:")


def _lines_of_shells(text: str) -> Iterator[str]:
    for language, body in FENCE.findall(text):
        if language in SHELLS:
            yield from body.replace("\\\n", " ").split("\n")


def _written(line: str) -> Iterator[list[str]]:
    """The arguments of each call of the program on one line of a shell."""
    for inner in SUBSTITUTED.findall(line):
        yield from _written(inner)
    for part in re.split(r"&&|\|\|?|;", SUBSTITUTED.sub("it", line)):
        match = COMMAND.match(part.strip())
        if match:
            yield shlex.split(re.split(r"\s\d?>{1,2}", match[1], maxsplit=1)[0], comments=True)


def _fault_of(words: list[str]) -> str | None:
    """Why the command line does not take these words, or None when it does."""
    command: click.Command = program()
    while isinstance(command, click.Group) and words and not words[0].startswith("-"):
        inner = command.get_command(click.Context(command), words[0])
        if inner is None:
            return f"there is no command {words[0]}"
        command, words = inner, words[1:]
    try:
        with command.make_context(command.name, list(words)):
            return None
    except click.exceptions.Exit:  # --help and --version end here
        return None
    except click.UsageError as failure:
        parameter = failure.param if isinstance(failure, click.BadParameter) else None
        named_a_file = parameter is not None and isinstance(parameter.type, click.Path)  # of the reader's machine
        return None if named_a_file else failure.format_message()


def test_commands_of_the_pages_can_be_typed() -> None:
    found = [
        f"{_name(path)}: tocsin {shlex.join(words)}: {fault}"
        for path, text in _pages().items()
        for line in _lines_of_shells(text)
        for words in _written(line)
        if (fault := _fault_of(words))
    ]
    verdict(found, "The command line refuses what a page tells people to type:")


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("tocsin serve --duties api,accept", ["serve", "--duties", "api,accept"]),
        ('$ A=1 .venv/bin/tocsin send trigger "Disk full" && echo done', ["send", "trigger", "Disk full"]),
        ('curl --cacert "$(tocsin trust)" https://tocsin.example.org', ["trust"]),
        ("tocsin audit verify > head.txt  # keep it", ["audit", "verify"]),
    ],
)
def test_a_command_is_found_on_its_line(line: str, words: list[str]) -> None:
    assert list(_written(line)) == [words]


def test_a_wrong_command_is_noticed() -> None:
    assert _fault_of(["serve", "--nothing"])
    assert _fault_of(["send", "nothing"])
    assert _fault_of(["incident", "snooze", "12"])


def _anchors(text: str) -> set[str]:
    """The names of the headings of a page, as its readers' browsers know them."""
    plain = FENCE.sub("", text)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in HEADING.findall(plain)}


def _broken(path: Path, target: str) -> bool:
    if re.match(r"[a-z]+:", target):
        return False
    file, _, anchor = unquote(target).partition("#")
    goal = (path.parent / file).resolve() if file else path
    if not goal.exists():
        return True
    return bool(anchor) and goal.suffix == ".md" and anchor not in _anchors(_read(goal))


def test_every_link_leads_somewhere() -> None:
    found = [
        f"{_name(path)} links to {target}"
        for path, text in _pages().items()
        for pair in LINK.findall(FENCE.sub("", text))
        if _broken(path, target := pair[0] or pair[1])
    ]
    verdict(found, "These links lead nowhere:")


def test_the_front_page_leads_to_every_guide() -> None:
    linked = {name for pair in LINK.findall(_read(ROOT / "README.md")) for name in pair if name}
    found = [_name(path) for path in _guides() if _name(path) not in linked]
    verdict(found, "README.md does not lead to these guides:")
