"""Installs, starts, watches and stops the lab on one machine without containers."""
