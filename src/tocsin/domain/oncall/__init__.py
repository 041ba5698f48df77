"""On-call: who is called for an incident, in which order, and for how long each has to answer."""
