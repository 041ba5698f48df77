"""The command line: everything that people at a shell can ask of Tocsin."""

from tocsin.cli.program import run

__all__ = ["run"]
