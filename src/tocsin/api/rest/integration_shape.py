"""Integrations on the wire: how they are read from a request and how they are shown."""

from typing import Annotated, get_args

from msgspec import UNSET, Meta, Struct, UnsetType, structs

from tocsin.api.kit import Call, Shown
from tocsin.api.rest.policy_shape import Name, Reference
from tocsin.api.senders import DOOR, sender_of, vendors
from tocsin.domain.people.permission import Verb, may
from tocsin.domain.services.integration import DEFAULT_KIND, Integration, IntegrationKind
from tocsin.ground.errors import Refused, Why
from tocsin.ground.text import squash
from tocsin.store.integrations import IntegrationRow

SUFFIX = "_inbound_integration"
EMAIL = "generic_email"
UNSIGNED = "url-key"  # the scheme of tools that prove themselves by knowing the address alone
KINDS = frozenset(get_args(IntegrationKind))
PLAIN_TYPES = frozenset({"", "integration", "service_integration", "integration_reference"})


Secret = Annotated[str, Meta(min_length=1, max_length=1024)]  # characters; what tools make up has some forty


class IntegrationBody(Struct):
    """An integration as clients write it; a vendor alone says what kind it is. Its key is never written.

    `signing_secret` is our own: what the tool signs its webhooks with. It is written and never read.
    """

    name: Name | UnsetType | None = UNSET
    type: str | UnsetType | None = UNSET
    vendor: Reference | UnsetType | None = UNSET
    signing_secret: Secret | UnsetType | None = UNSET


class Wish(Struct, frozen=True):
    """An integration to be written, with the tool that sends."""

    integration: Integration
    vendor_id: str | None


def wished(body: IntegrationBody, before: Wish) -> Wish:
    """Return what is to be written: what was there, changed by what the body says.

    Raises `Refused` (invalid, not built).
    """
    old = before.integration
    vendor_id = before.vendor_id if body.vendor is UNSET else body.vendor.id if body.vendor else None
    vendor = vendors().get(vendor_id) if vendor_id else None
    if vendor_id and vendor is None:
        raise Refused(Why.INVALID, f"Vendor {vendor_id} not found")
    kind = _kind(body.type) or (vendor.integration_kind.removesuffix(SUFFIX) if vendor else old.kind)
    said = None if body.name is UNSET else body.name
    name = squash(said or "") or old.name or (vendor.name if vendor else "Events API v2")
    return Wish(structs.replace(old, kind=kind, name=name), vendor_id)


def signing_secret(body: IntegrationBody, before: Wish, wish: Wish) -> str | UnsetType | None:
    """Return the new signing secret, None when there is to be none, or UNSET when it stays.

    A secret belongs to a tool, so it goes with it. Raises `Refused` (invalid) when the tool signs nothing: a secret
    that is never asked for would only look like protection.
    """
    said = body.signing_secret
    if isinstance(said, str):
        sender = sender_of(wish.vendor_id)
        if sender is None or sender.manifest.verify.scheme == UNSIGNED:
            raise Refused(Why.INVALID, "Webhooks of this vendor are not signed: leave signing_secret out.")
        return said
    return None if said is None or wish.vendor_id != before.vendor_id else UNSET


def fresh(integration_id: str, service_id: str) -> Wish:
    """Return an empty integration of this service to be filled by a body."""
    return Wish(Integration(id=integration_id, service_id=service_id, kind=DEFAULT_KIND, name=""), None)


def show_integration(call: Call, row: IntegrationRow) -> Shown:
    """Return the integration as it is answered.

    Its key opens a door into the service, so only who may change the integration reads it, alone or in the address
    for its tool's webhooks. That address, and whether a secret signs what comes there, are our own.
    """
    links = call.links
    key = _key(call, row)
    vendor = vendors().get(row.vendor_id) if row.vendor_id else None
    return {
        **links.head(f"{row.kind}{SUFFIX}", row.id, row.name, under=f"/services/{row.service_id}"),
        "name": row.name,
        "service": links.reference("service", row.service_id, row.service_name),
        "created_at": call.at(row.created_at),
        "vendor": links.reference("vendor", vendor.id, vendor.name) if vendor else None,
        "integration_key": key,
        "webhook_url": f"{links.public_url}{DOOR}{key}" if key and sender_of(row.vendor_id) else None,
        "signed": row.signed,
    }


def _kind(said: str | UnsetType | None) -> str | None:
    """Return the kind that a type names, or None when it names none in particular."""
    name = (said or "") if said is not UNSET else ""
    if name in PLAIN_TYPES:
        return None
    kind = name.removesuffix("_reference").removesuffix(SUFFIX)
    if kind == EMAIL:
        raise Refused(Why.NOT_BUILT, "Integrations by e-mail are not built yet; use an Events API integration.")
    if kind not in KINDS:
        known = ", ".join(f"{known}{SUFFIX}" for known in sorted(KINDS))
        raise Refused(Why.INVALID, f"Type {name} is not one of {known}.")
    return kind


def _key(call: Call, row: IntegrationRow) -> str | None:
    if not may(call.actor, Verb.UPDATE, row.subject()):
        return None
    clear = call.house.keyring.open(
        row.routing_key_sealed, table="integration", row_id=row.id, column="routing_key_sealed"
    )
    return clear.decode()
