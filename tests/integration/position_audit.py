"""The audit's checks of positions on real topics and tables, for labs without the live side."""

from contracts.marketing import MARKETING
from contracts.settings import Settings
from scripts.audit.check_positions import check_complete, check_judgement, check_replayed
from scripts.audit.findings import Check
from scripts.audit.held import read_held
from scripts.audit.lakehouse import Lakehouse
from scripts.audit.registry import Codecs
from scripts.audit.source import read_source
from scripts.audit.topics import Topics


def audit(settings: Settings) -> dict[str, Check]:
    """The audit's checks of positions, on the real topics and tables."""
    topics, lakehouse, codecs = (
        Topics(settings.kafka_client),
        Lakehouse(settings.delta_root),
        Codecs(settings.registry_url, settings.checkpoints_dir),
    )
    spans = topics.spans([topic.name for topic in MARKETING.with_schema()])
    held, source = read_held(lakehouse, codecs.of), read_source(topics, lakehouse, codecs.of, spans)
    topics.close()
    return {
        "complete": check_complete(source.marks, held.marks, spans, set()),
        "judged": check_judgement(source.marks, held.marks, source.faulty, held.quarantined),
        "replayed": check_replayed(held.replays, held.quarantined),
    }
