"""The generators' ledgers, as the checks take them."""

from collections.abc import Iterator

from contracts.settings import Settings
from scripts.audit.check_positions import LedgerLine
from scripts.generate.ledger import ledger_dir, read_ledgers


class Ledgers:
    """Every acknowledgement that any generator noted; read anew each time it is gone through."""

    def __init__(self, settings: Settings) -> None:
        self._folder = ledger_dir(settings)

    def __iter__(self) -> Iterator[LedgerLine]:
        for entry in read_ledgers(self._folder):
            yield LedgerLine((entry.topic, entry.partition, entry.offset), entry.entity_id, entry.fault or None)
