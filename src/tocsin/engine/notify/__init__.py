"""Notify: pages that are due are claimed, handed to providers, and what became of each is written down."""

from tocsin.engine.notify.notices import Noticer
from tocsin.engine.notify.notify import Carrier, Notifier

__all__ = ["Carrier", "Noticer", "Notifier"]
