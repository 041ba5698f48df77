"""Incidents: their states, the orders that change them, and what each change writes."""
