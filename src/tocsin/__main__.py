"""The way in from a shell: `tocsin` and `python -m tocsin` start here."""

import sys

from tocsin.cli import run


def main() -> None:
    """Run the command that the shell named, and leave with its exit code."""
    sys.exit(run(sys.argv[1:]))


if __name__ == "__main__":
    main()
