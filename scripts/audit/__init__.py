"""`make audit`: the books balance, recomputed in plain Python without any station's code."""
