"""Schedules as kept: read whole or as timelines, written, overridden, listed, and as they were at any past instant."""
