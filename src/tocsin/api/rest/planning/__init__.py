"""Planning over the API: who would be paged if it broke now, and why somebody was paged when it did."""

from tocsin.api.rest.planning.explain import explain
from tocsin.api.rest.planning.simulate import simulate

__all__ = ["explain", "simulate"]
