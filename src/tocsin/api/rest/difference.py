"""Differences: what an audit record says became of each field of a thing that was changed."""

from collections.abc import Mapping


def differences(before: Mapping[str, object], after: Mapping[str, object]) -> dict[str, object]:
    """Return what each field was and is, for those that are not the same; a field that is missing counts as null.

    Compare an empty mapping with a new thing, or a thing with an empty mapping when it is removed.
    """
    return {
        name: {"before": before.get(name), "after": after.get(name)}
        for name in sorted(before.keys() | after.keys())
        if before.get(name) != after.get(name)
    }
