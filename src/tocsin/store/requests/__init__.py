"""Requests: the inbox log, which shows what a tool sent lately and what was made of it."""

from tocsin.store.requests.book import RequestBook
from tocsin.store.requests.rows import COUNT, LIST, LONGEST_KEPT, MOST_KEPT, ONE, Became, Draft, RequestRow, keep

__all__ = ["COUNT", "LIST", "LONGEST_KEPT", "MOST_KEPT", "ONE", "Became", "Draft", "RequestBook", "RequestRow", "keep"]
