"""Run the stage keeper: python -m webapp.stage_keeper"""

import sys
import threading

from contracts.marketing import CUSTOMER_CONSOLIDATED, MARKETING
from contracts.settings import load_settings
from webapp.commands.publisher import EventPublisher
from webapp.kafka_reader import KafkaReader
from webapp.process import run_service
from webapp.pulse import Pulse
from webapp.stage_keeper.run import StageKeeper

SERVICE = "stage-keeper"


def main() -> int:
    """Keep the stages until stopped. Returns the exit code."""
    settings = load_settings()

    def work(stop: threading.Event, pulse: Pulse) -> None:
        reader = KafkaReader(settings, SERVICE, [CUSTOMER_CONSOLIDATED], batch_records=500)
        publisher = EventPublisher(settings, MARKETING)
        try:
            StageKeeper(reader, publisher, pulse, stop).run()
        finally:
            reader.close()
            publisher.close(1.0)

    return run_service(SERVICE, settings.run_dir, work)


if __name__ == "__main__":
    sys.exit(main())
