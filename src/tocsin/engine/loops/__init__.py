"""Loops: what turns the wheel: lanes, timers, the keeper and the auditor, each until the program stops."""
