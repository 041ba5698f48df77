"""The town hall of the command line's tests: one node for all that do not break it."""

from collections.abc import Iterator

import pytest

from tests.cli.town_hall import Hall, hall


@pytest.fixture(scope="session")
def town_hall() -> Iterator[Hall]:
    with hall() as opened:
        yield opened
