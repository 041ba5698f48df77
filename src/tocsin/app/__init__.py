"""The application: the one place where the rooms are joined, started in order and stopped in order."""

from tocsin.app.house import House, build_house
from tocsin.app.run import run

__all__ = ["House", "build_house", "run"]
