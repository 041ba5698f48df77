"""The program: every command explains itself, and what is written wrongly is told with code 2."""

import json

import click
import pytest

from tocsin.cli import run
from tocsin.cli.ending import MEANINGS, Exit, ending_of
from tocsin.cli.program import COMMANDS, program
from tocsin.ground.errors import Refused, StoreUnavailable, Why


def commands() -> list[tuple[str, ...]]:
    """Return the words of every command."""
    found: list[tuple[str, ...]] = []
    top = program()
    context = click.Context(top)
    for name in top.list_commands(context):
        command = top.get_command(context, name)
        assert command is not None
        found.append((name,))
        if isinstance(command, click.Group):
            found.extend((name, inner) for inner in command.commands)
    return found


@pytest.mark.parametrize("words", commands(), ids=" ".join)
def test_every_command_explains_itself(words: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    assert run([*words, "--help"]) == 0
    assert "Usage: tocsin" in capsys.readouterr().out


def test_help_names_every_command_and_exit_code(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--help"]) == 0
    text = capsys.readouterr().out
    assert all(name in text for name in COMMANDS)
    assert all(f"{code.value}" in text for code in MEANINGS)


@pytest.mark.parametrize(
    "arguments", [["--output", "xml", "doctor"], ["dance"], ["send", "trigger"], ["incident"], ["user", "create", "A"]]
)
def test_a_wrong_line_is_a_usage_error(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(arguments) == Exit.USAGE
    assert "Usage" in capsys.readouterr().err


@pytest.mark.parametrize("line", [["--output", "json", "trust"], ["trust", "--output", "json"]])
def test_json_may_be_asked_for_anywhere(
    line: list[str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TOCSIN_TLS", "off")
    assert run(line) == Exit.NOT_FOUND
    assert json.loads(capsys.readouterr().out)["error"]["code"] == Exit.NOT_FOUND


def test_failures_have_their_codes() -> None:
    refused, gone = Refused(Why.INVALID, "no"), Refused(Why.NOT_FOUND, "no")
    away = StoreUnavailable("away")
    expected = {
        refused: Exit.FAILED,
        gone: Exit.NOT_FOUND,
        away: Exit.NOT_REACHED,
        KeyboardInterrupt(): Exit.INTERRUPTED,
    }
    for failure, code in expected.items():
        ending = ending_of(BaseExceptionGroup("several", [failure]))
        assert ending is not None
        assert ending.code is code
    assert ending_of(ZeroDivisionError()) is None
    assert ending_of(ExceptionGroup("several", [refused, ZeroDivisionError()])) is None
