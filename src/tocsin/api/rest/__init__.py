"""The REST API: one resource per file, found by being here."""

from tocsin.api.kit import House, application, discovered
from tocsin.api.kit.application import ASGI


def rest_app(house: House) -> ASGI:
    """Return the ASGI application that serves every operation of this folder."""
    return application(house, discovered(__name__))
