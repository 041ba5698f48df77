"""Integrations: the tools that can ring Tocsin in their own words; being a manifest in this folder is being one."""

from collections.abc import Mapping
from functools import cache
from importlib import resources
from importlib.resources.abc import Traversable
from types import MappingProxyType

from tocsin.domain.mapping import Manifest, read_manifest
from tocsin.ground.errors import Refused, Why

__all__ = ["discovered", "manifests_in"]

_SUFFIX = ".toml"


@cache
def discovered() -> Mapping[str, Manifest]:
    """Return every manifest of this folder by its id, in the order of their ids."""
    return manifests_in(resources.files(__name__))


def manifests_in(folder: Traversable) -> Mapping[str, Manifest]:
    """Return the manifests of a folder by their ids, in order.

    Raises `Refused` for one that cannot be read, one whose file has another name than its id, and two of one vendor.
    """
    found: dict[str, Manifest] = {}
    for file in sorted(folder.iterdir(), key=lambda file: file.name):
        if file.name.endswith(_SUFFIX):
            manifest = _read(file)
            found[manifest.id] = manifest
    vendors = [manifest.vendor_id for manifest in found.values()]
    if len(set(vendors)) < len(vendors):
        twice = sorted({vendor for vendor in vendors if vendors.count(vendor) > 1})
        raise Refused(Why.CONFLICT, f"Two manifests have the vendor id {', '.join(twice)}.")
    return MappingProxyType(found)


def _read(file: Traversable) -> Manifest:
    try:
        manifest = read_manifest(file.read_text(encoding="utf-8"))
    except Refused as refused:
        raise Refused(refused.why, f"{file.name}: {refused.message}") from None
    if file.name != manifest.id + _SUFFIX:
        raise Refused(Why.INVALID, f"{file.name}: the id says {manifest.id}; give both the same name.")
    return manifest
