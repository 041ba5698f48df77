"""Planning: what would happen if something broke now, and why somebody was called when it did."""
