"""Services: what can break, how urgent that is at which hour, and when it is expected to be broken."""
