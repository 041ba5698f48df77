"""The inbox log over the API, our own addition: what tools sent lately, and reading it once more."""

from tocsin.api.rest.received.replay import replay_request
from tocsin.api.rest.received.requests import list_requests

__all__ = ["list_requests", "replay_request"]
