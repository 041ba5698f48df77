"""Senders: the tools whose own webhooks are understood, each with the rules that read them."""

from collections.abc import Mapping
from functools import cache, cached_property

from tocsin.domain.mapping.manifest import Manifest
from tocsin.domain.mapping.mapper import Mapper
from tocsin.domain.services.vendor import Vendor, vendors_of
from tocsin.integrations import discovered

DOOR = "/integrations/v1/"  # of all native webhooks; the integration's key follows


class Sender:
    """A tool that sends webhooks; its rules are compiled when the first one comes."""

    def __init__(self, manifest: Manifest) -> None:
        """Hold this manifest."""
        self.manifest = manifest

    @cached_property
    def mapper(self) -> Mapper:
        """What turns its requests into events."""
        return Mapper(self.manifest)


@cache
def senders() -> Mapping[str, Sender]:
    """Return the tools by the ids of their vendors."""
    return {manifest.vendor_id: Sender(manifest) for manifest in discovered().values()}


@cache
def vendors() -> Mapping[str, Vendor]:
    """Return every vendor by its id, in the order of their names."""
    return {vendor.id: vendor for vendor in vendors_of(sender.manifest for sender in senders().values())}


def sender_of(vendor_id: str | None) -> Sender | None:
    """Return the tool of this vendor, or None when it sends no webhooks of its own."""
    return senders().get(vendor_id) if vendor_id else None
