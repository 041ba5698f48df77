"""Receivers: whose tool may send webhooks under a key, known for a moment without asking the database again."""

from msgspec import Struct

from tocsin.api.senders import Sender, sender_of
from tocsin.ground import clock
from tocsin.ground.errors import Refused, Why
from tocsin.ground.ids import IntegrationId
from tocsin.store.integrations import RECEIVER
from tocsin.store.keyring import Keyring
from tocsin.store.turn import Store

TABLE = "integration"
KEY_COLUMN = "routing_key_sealed"
SECRET_COLUMN = "signing_secret_sealed"  # noqa: S105 - the name of a column, no secret

_FRESH_FOR_S = 1.0  # seconds until a change of the integration is noticed, as for routing keys
_MOST_KNOWN = 10_000  # receivers remembered, some megabytes


class Receiver(Struct, frozen=True):
    """An integration that takes webhooks: its tool, if it has one that sends any, and the secret that signs them."""

    id: IntegrationId
    sender: Sender | None
    secret: str | None


class Receivers:
    """Finds receivers by the id of their integration."""

    def __init__(self, store: Store, keyring: Keyring) -> None:
        """Read from this store, and open secrets with this keyring."""
        self._store = store
        self._keyring = keyring
        self._known: dict[str, tuple[float, Receiver]] = {}

    async def find(self, integration_id: IntegrationId) -> Receiver:
        """Return the receiver; raise `Refused` (not found) when it is gone, `StoreUnavailable` when nobody can say."""
        now = clock.seconds()
        at, known = self._known.get(integration_id, (0.0, None))
        if known is not None and now - at < _FRESH_FOR_S:
            return known
        row = await self._store.read(lambda turn: turn.maybe(RECEIVER, {"id": integration_id}))
        if row is None:
            raise Refused(Why.NOT_FOUND, "There is no integration with this key.")
        found = Receiver(
            integration_id, sender_of(row.vendor_id), self._opened(integration_id, row.signing_secret_sealed)
        )
        if len(self._known) >= _MOST_KNOWN:
            self._known.clear()
        self._known[integration_id] = (now, found)
        return found

    def _opened(self, integration_id: IntegrationId, sealed: bytes | None) -> str | None:
        if sealed is None:
            return None
        return self._keyring.open(sealed, table=TABLE, row_id=integration_id, column=SECRET_COLUMN).decode()
