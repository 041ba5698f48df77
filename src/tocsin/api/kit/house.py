"""The house as the API sees it: the store, the settings, and who is calling."""

from collections.abc import Mapping
from typing import Protocol

from tocsin.domain.people.actor import Actor
from tocsin.store.directory import Directory
from tocsin.store.keyring import Keyring
from tocsin.store.turn import Store


class Settings(Protocol):
    """The settings that the API reads."""

    @property
    def public_url(self) -> str:
        """The address under which clients and browsers reach this installation, without a closing slash."""

    @property
    def rest_calls_per_minute(self) -> int:
        """How many requests one key may make in a minute; 0 counts nothing."""


class Authenticate(Protocol):
    """Finds out who is calling."""

    async def __call__(self, headers: Mapping[str, str], method: str) -> Actor | None:
        """Return who sent these headers (names in lower case), or None.

        `method` tells whether a browser's session must prove itself with a CSRF token too.
        """


class House(Protocol):
    """What an operation may reach beyond its own request."""

    @property
    def store(self) -> Store:
        """The database."""

    @property
    def keyring(self) -> Keyring:
        """The keys that seal secrets."""

    @property
    def directory(self) -> Directory:
        """The configuration that decisions need, kept in memory."""

    @property
    def config(self) -> Settings:
        """The settings."""

    @property
    def authenticate(self) -> Authenticate:
        """Who finds out who is calling."""
