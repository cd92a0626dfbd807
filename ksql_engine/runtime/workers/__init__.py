"""Persistent queries in processes of their own, so that the engine uses all cores."""
