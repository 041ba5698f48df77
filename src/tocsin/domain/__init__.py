"""The laws of the product: nothing in here waits, reads or writes."""
