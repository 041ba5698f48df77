"""Ways out: what a channel needs to reach the world, joined in one place and handed to every channel."""

import ssl
from collections.abc import Callable, Sequence
from datetime import timedelta

from tocsin.ground.limits import PROVIDER_PATIENCE
from tocsin.wire.egress import Egress, Resolve, networks
from tocsin.wire.http import Http


class Wire:
    """The ways out of the house: the HTTP client with its guard, and what mail servers are told about us."""

    def __init__(
        self,
        *,
        allowed_networks: Sequence[str] = (),
        our_name: str = "localhost",
        patience: timedelta = PROVIDER_PATIENCE,
        trust: Callable[[], ssl.SSLContext] = ssl.create_default_context,
        resolve: Resolve | None = None,
    ) -> None:
        """Take the networks that HTTP may call beside the public one, and the name this machine gives itself to mail.

        `trust` makes the TLS context on first use (reading the system's certificates takes 30 ms). Raises
        `ValueError` for a text that is no network.
        """
        self.http = Http(Egress(networks(allowed_networks), resolve), patience=patience, trust=trust)
        self.our_name = our_name
        self.patience = patience
        self.trust = trust

    async def close(self) -> None:
        """Cut the lines; channels close their own before."""
        await self.http.close()
