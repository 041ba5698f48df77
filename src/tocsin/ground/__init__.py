"""Ground: the clock, ids, limits, texts and failures that every room stands on."""
