"""References around incidents: how an incident, a log entry and whoever did something are named on the wire."""

from tocsin.api.kit import Links, Shown
from tocsin.domain.incidents.agent import Agent


def summary_of(number: int | None, title: str | None) -> str:
    """Return how a reference names an incident."""
    return f"[#{number}] {title}"


def reference_to_incident(links: Links, key: str, *, number: int | None, title: str | None) -> Shown:
    """Return a reference to an incident."""
    return links.reference("incident", key, summary_of(number, title))


def reference_to_agent(links: Links, agent: Agent, *, service_id: str, service_name: str) -> Shown:
    """Return a reference to whoever did something; what the product did by itself is said of the service."""
    if agent.kind == "user":
        return links.reference("user", agent.id, agent.name)
    if agent.kind == "integration":
        return links.reference("integration", agent.id, agent.name, under=f"/services/{service_id}")
    return links.reference("service", service_id, service_name)


def reference_to_entry(links: Links, kind: str, key: str, summary: str) -> Shown:
    """Return a reference to a log entry."""
    return links.reference(f"{kind}_log_entry", key, summary)
