"""Frame: what all commands have in common: the two global options, and options that arrive as one value."""

from pathlib import Path
from typing import ClassVar

import click
from msgspec import Struct

from tocsin.cli.screen import Output, Screen
from tocsin.config import Config, load


class Frame:
    """What a command gets to know beside its own options."""

    def __init__(self) -> None:
        """Start with the defaults; options that are read later change them."""
        self.output: Output = "table"
        self.config_file: Path | None = None
        self._screen: Screen | None = None

    @property
    def screen(self) -> Screen:
        """Where the command shows what it found."""
        if self._screen is None or self._screen.output != self.output:
            self._screen = Screen(self.output)
        return self._screen

    def config(self) -> Config:
        """Read the configuration; raise `Refused` that names the wrong setting."""
        import os

        return load(os.environ, self.config_file)


def _take_output(context: click.Context, _parameter: click.Parameter, value: Output | None) -> None:
    if value is not None:
        context.ensure_object(Frame).output = value


def _take_config(context: click.Context, _parameter: click.Parameter, value: Path | None) -> None:
    if value is not None:
        context.ensure_object(Frame).config_file = value


def shared_options() -> list[click.Parameter]:
    """Return the options that may stand anywhere on the line."""
    return [
        click.Option(
            ["--output"],
            type=click.Choice(["table", "json"]),
            envvar="TOCSIN_OUTPUT",
            expose_value=False,
            callback=_take_output,
            help="Tables for people (the default) or JSON for programs.",
        ),
        click.Option(
            ["--config", "config_file"],
            type=click.Path(dir_okay=False, path_type=Path),
            expose_value=False,
            callback=_take_config,
            help="Read the configuration from this TOML file.",
        ),
    ]


class Word(click.Command):
    """A command of the program; with a `form` its options arrive as one value of that type."""

    form: ClassVar[type[Struct] | None] = None
    _shared: list[click.Parameter] | None = None

    def get_params(self, ctx: click.Context) -> list[click.Parameter]:
        """Return the command's own options and the shared ones."""
        if self._shared is None:
            self._shared = shared_options()
        *own, help_option = super().get_params(ctx)
        return [*own, *self._shared, help_option]

    def invoke(self, ctx: click.Context) -> object:
        """Run the command with what was parsed."""
        frame = ctx.ensure_object(Frame)
        if self.callback is None:
            return None
        if self.form is not None:
            return ctx.invoke(self.callback, frame, self.form(**ctx.params))
        return ctx.invoke(self.callback, frame, **ctx.params)


class Words(click.Group):
    """A command that is a family of commands."""

    command_class = Word
    group_class = type


def filled(form: type[Struct]) -> type[Word]:
    """Return the class of a command whose options fill this form."""

    class Filled(Word):
        pass

    Filled.form = form
    return Filled
