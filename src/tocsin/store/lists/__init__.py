"""Lists: what screens and clients read of incidents, alerts, timelines and pages, fast at any depth."""
