"""Doors: everything that speaks HTTP, from the events that tools send to the API that clients call."""
