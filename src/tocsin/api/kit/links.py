"""Links: how resources name themselves and one another on the wire."""

from dataclasses import dataclass

Shown = dict[str, object]

# Kinds whose collection is not the kind with an s.
_COLLECTIONS = {
    "ability": "abilities",
    "business_service": "business_services",
    "escalation_policy": "escalation_policies",
    "license": "licenses",
    "log_entry": "log_entries",
    "priority": "priorities",
}


def collection_of(kind: str) -> str:
    """Return the path segment under which resources of this kind live."""
    if kind.endswith("_log_entry"):
        return "log_entries"
    if kind.endswith("_contact_method"):
        return "contact_methods"
    if kind.endswith("_notification_rule"):
        return "notification_rules"
    if kind.endswith("_integration") or kind == "integration":
        return "integrations"
    return _COLLECTIONS.get(kind, f"{kind}s")


@dataclass(frozen=True, slots=True)
class Links:
    """Makes the addresses of resources from the public address of this installation."""

    public_url: str

    def head(self, kind: str, key: str, summary: str | None, *, under: str = "", as_type: str | None = None) -> Shown:
        """Return the five fields that open every resource.

        `under` is the path of the resource that this one belongs to, such as `/users/P123`. The `self` address
        is exactly `/collection/id`: clients follow it and refuse addresses outside their base.
        """
        path = f"{under}/{collection_of(kind)}/{key}"
        return {
            "id": key,
            "type": as_type or kind,
            "summary": summary,
            "self": f"{self.public_url}{path}",
            "html_url": f"{self.public_url}/app{path}",
        }

    def reference(self, kind: str, key: str, summary: str | None, *, under: str = "", deleted: bool = False) -> Shown:
        """Return a reference to a resource; one to a deleted resource leads nowhere in the browser."""
        shown = self.head(kind, key, summary, under=under, as_type=f"{kind}_reference")
        if deleted:
            shown["html_url"] = None
        return shown
