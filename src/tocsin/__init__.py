"""Tocsin rings until somebody answers: incident response on your own machines."""

__version__ = "0.1.0"
