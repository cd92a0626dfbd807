"""Ids that are the same for the same seed and run, and new for every run."""

from hashlib import blake2b


class IdSource:
    """Makes UUIDs from a seed, a run's id and a counter."""

    def __init__(self, seed: int, run_id: str) -> None:
        self._base = blake2b(f"{seed}/{run_id}/".encode(), digest_size=16)
        self._count = 0

    def __call__(self) -> str:
        """The next id."""
        self._count += 1
        digest = self._base.copy()
        digest.update(self._count.to_bytes(8, "big"))
        hexa = digest.hexdigest()
        # Version 8 (made in a way of one's own) and the usual variant.
        return f"{hexa[:8]}-{hexa[8:12]}-8{hexa[13:16]}-a{hexa[17:20]}-{hexa[20:]}"
