"""Run the projector: python -m webapp.projector"""

import sys
import threading

from contracts.settings import load_settings
from webapp.kafka_reader import KafkaReader
from webapp.process import run_service
from webapp.projector.decode import Decoder
from webapp.projector.run import Projector
from webapp.projector.store import CacheStore
from webapp.pulse import Pulse
from webapp.redis_client import connect
from webapp.schema_ids import SchemaIds

SERVICE = "projector"


def main() -> int:
    """Project until stopped. Returns the exit code; 78 when Redis belongs to another Kafka cluster."""
    settings = load_settings()

    def work(stop: threading.Event, pulse: Pulse) -> None:
        decoder = Decoder(SchemaIds(settings.registry_url).schema)
        reader = KafkaReader(settings, SERVICE, decoder.topics)
        store = CacheStore(connect(settings, connections=2), settings)
        try:
            Projector(reader, store, decoder, pulse, stop).run(wipe_first=settings.reset_cache_on_start)
        finally:
            reader.close()

    return run_service(SERVICE, settings.run_dir, work)


if __name__ == "__main__":
    sys.exit(main())
