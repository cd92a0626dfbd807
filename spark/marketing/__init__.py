"""The marketing lab's lakehouse jobs, one file per question."""
