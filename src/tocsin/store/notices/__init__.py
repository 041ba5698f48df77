"""Notices as stored: what people are told that asks for no answer, by which contact methods, and what became of it."""

from tocsin.store.notices.tell import Notice, Withdrawn, sweep, tell, withdraw

__all__ = ["Notice", "Withdrawn", "sweep", "tell", "withdraw"]
