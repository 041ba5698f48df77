"""Bench: every performance figure of the product, measured now and printed beside its ceiling or its goal.

The program runs as it is installed, in a process of its own on a database of its own; nothing here touches an
installation. `main.run` measures; `figure.Report` says what was found.
"""
