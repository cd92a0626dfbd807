"""What the stations agree on. Imports nothing else of the project."""
