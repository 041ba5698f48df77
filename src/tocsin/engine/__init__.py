"""The engine: the walk of an event from the door to the mailbox; read the files in the order of the alphabet.

accept, correlate, escalate, notify, respond, tell; `turn` is the bell-rope that each of them pulls.
"""
