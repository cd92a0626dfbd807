"""`make replay-quarantine`: what is in quarantine, and mended records back into their topics."""
