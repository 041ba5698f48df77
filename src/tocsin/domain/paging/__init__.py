"""Paging: what a person is told, in which words, and how an answer finds its way back."""
