"""The program: its commands by name, and the border where every failure becomes a sentence and an exit code."""

import importlib
from collections.abc import Sequence

import click

from tocsin import __version__
from tocsin.cli.ending import MEANINGS, Ended, Exit, ending_of
from tocsin.cli.frame import Frame, Words, shared_options

# Name of the command: the module below tocsin.cli that holds it, in the order of `tocsin --help`.
COMMANDS = {
    "serve": "serve",
    "demo": "demo",
    "send": "send",
    "incident": "incident",
    "oncall": "oncall",
    "schedule": "schedule",
    "override": "override",
    "simulate": "simulate",
    "user": "user",
    "token": "token",
    "doctor": "doctor",
    "migrate": "migrate",
    "backup": "backup",
    "restore": "restore",
    "release": "release",
    "audit": "audit",
    "keys": "keys",
    "trust": "trust",
    "bench": "bench",
}
_CODES = "\n".join(f"  {code.value:<4} {meaning}" for code, meaning in MEANINGS.items())
_EPILOG = f"""\b
Exit codes:
{_CODES}

Client commands ask a running node: set TOCSIN_URL (default: the local node) and TOCSIN_TOKEN. Every setting of the
server can be given as TOCSIN_<SETTING> or in the file that --config or TOCSIN_CONFIG names.
"""


class Program(Words):
    """All commands; each module is imported when its command is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names in the order in which help shows them."""
        del ctx
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return the command of this name."""
        del ctx
        if cmd_name not in COMMANDS:
            return None
        module = importlib.import_module(f"tocsin.cli.{COMMANDS[cmd_name]}")
        command = module.COMMAND
        if not isinstance(command, click.Command):
            raise TypeError(f"tocsin.cli.{COMMANDS[cmd_name]} holds no command")
        return command


def program() -> Program:
    """Return the command line of Tocsin."""
    made = Program(
        "tocsin",
        help="Incident response on your own machines: a page is never lost, and always explained.",
        epilog=_EPILOG,
        context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
        params=shared_options(),
    )
    return click.version_option(__version__, prog_name="tocsin")(made)


def run(arguments: Sequence[str]) -> int:
    """Run one command line and return its exit code; failures are told on standard error."""
    frame = Frame()
    try:
        code = program().main(list(arguments), prog_name="tocsin", standalone_mode=False, obj=frame)
    except click.exceptions.NoArgsIsHelpError as failure:
        failure.show()
        return Exit.USAGE
    except click.UsageError as failure:
        failure.show()
        return Exit.USAGE
    except click.Abort:
        frame.screen.complain("Interrupted.")
        return Exit.INTERRUPTED
    except click.ClickException as failure:
        failure.show()
        return Exit.FAILED
    except BrokenPipeError:
        return Exit.FAILED
    except BaseException as failure:  # the border of the program: what is foreseen becomes a sentence
        ending = ending_of(failure)
        if ending is None:
            raise
        return _told(frame, ending)
    return code if isinstance(code, int) else Exit.OK


def _told(frame: Frame, ending: Ended) -> int:
    if frame.screen.for_programs:
        frame.screen.data({"error": {"code": int(ending.code), "message": ending.message}})
    frame.screen.complain(ending.message)
    return ending.code
