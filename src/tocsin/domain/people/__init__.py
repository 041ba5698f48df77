"""People: who acts, what they may do, and what proves that it was them."""
