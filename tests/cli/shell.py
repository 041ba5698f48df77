"""A shell: commands of the installed program as real processes, and a node that runs beside them."""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

Json = dict[str, Any]

PROGRAM = (sys.executable, "-m", "tocsin")
PASSWORD = "a long sentence of the owner"
START_WITHIN_S = 60


@dataclass(frozen=True)
class Done:
    """What a command left: its exit code and what it wrote."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Json:
        """Standard output, which must be one JSON document and nothing else."""
        document: Json = json.loads(self.out)
        return document


@dataclass
class Shell:
    """A place to run commands in: a data directory, and variables that stay set."""

    data_dir: Path
    variables: dict[str, str] = field(default_factory=dict)

    def environment(self, extra: dict[str, str] | None = None) -> dict[str, str]:
        """Return what a command sees: nothing of ours but what is set here."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith("TOCSIN_")}
        kept |= {"TOCSIN_DATA_DIR": str(self.data_dir), "TOCSIN_HTTP": "127.0.0.1:0", "TOCSIN_HTTPS": "127.0.0.1:0"}
        return kept | self.variables | (extra or {})

    def run(self, *arguments: str, stdin: str = "", **extra: str) -> Done:
        """Run a command to its end; further keywords are variables for this once."""
        done = subprocess.run(
            [*PROGRAM, *arguments],
            env=self.environment(extra),
            input=stdin,
            capture_output=True,
            text=True,
            timeout=100,
            check=False,
        )
        return Done(done.returncode, done.stdout, done.stderr)

    def json(self, *arguments: str, stdin: str = "") -> Json:
        """Run a command that must succeed and return what it wrote as JSON."""
        done = self.run("--output", "json", *arguments, stdin=stdin)
        assert done.code == 0, done
        return done.json


@dataclass(frozen=True)
class Node:
    """A node that runs: what it said at its start, and its process."""

    said: Json
    process: subprocess.Popen[str]

    def stop(self) -> int:
        """Ask for an orderly end and return the exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(30)


@contextmanager
def shell() -> Iterator[Shell]:
    """Give a shell with an empty data directory that another account may pass through."""
    folder = Path(tempfile.mkdtemp(prefix="tocsin-cli-"))
    try:
        yield Shell(folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def serving(place: Shell, *arguments: str) -> Iterator[Node]:
    """Run a node in this place, and stop it in the end if it still runs."""
    errors = (place.data_dir / "serve.log").open("w+")
    process = subprocess.Popen(
        [*PROGRAM, "--output", "json", "serve", *arguments],
        env=place.environment(),
        stdout=subprocess.PIPE,
        stderr=errors,
        text=True,
    )
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line, (place.data_dir / "serve.log").read_text()
        yield Node(json.loads(line), process)
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
            process.wait(30)
        if process.stdout is not None:
            process.stdout.close()
        errors.close()
