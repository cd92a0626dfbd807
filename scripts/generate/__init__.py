"""Generates the marketing lab's events: seeded, paced, with faults, every acknowledgement written down."""
