"""Registers the lab's Avro schemas, each under its topic's subject, with BACKWARD compatibility."""

from contracts.model import Lab, Topic
from contracts.settings import Settings
from scripts.bootstrap.errors import BootstrapError, SchemaRefused
from scripts.bootstrap.report import Report
from webapp.commands.errors import RegistryDown, RegistryRefused
from webapp.commands.registry import Registry, schema_text

COMPATIBILITY = "BACKWARD"


def ensure_schemas(settings: Settings, lab: Lab) -> Report:
    """Make the registry hold every .avsc of `lab`. Twice changes nothing.

    Raises:
        SchemaRefused: a schema is not compatible with the one before, or is not valid; with the registry's reason.
        BootstrapError: the registry does not answer.
    """
    registry = Registry(settings.registry_url)
    lines: list[str] = []
    changed = 0
    for topic in lab.with_schema():
        try:
            did = _ensure(registry, topic, schema_text(lab, topic))
        except RegistryDown as error:
            raise BootstrapError(str(error)) from error
        except RegistryRefused as error:
            raise SchemaRefused(_refusal(topic, str(error))) from error
        lines.append(f"{topic.subject}: {', '.join(did) or 'unchanged'}")
        changed += bool(did)
    return Report(lines, changed)


def _ensure(registry: Registry, topic: Topic, schema: str) -> list[str]:
    """What had to be done for one subject."""
    did = []
    if registry.compatibility(topic.subject) != COMPATIBILITY:
        registry.set_compatibility(topic.subject, COMPATIBILITY)
        did.append(f"compatibility set to {COMPATIBILITY}")
    versions = registry.versions(topic.subject)
    if versions and registry.schema_id(topic.subject, schema) is not None:
        return did
    schema_id = registry.register(topic.subject, schema)
    did.append(f"registered {topic.schema_file} as version {len(versions) + 1}, id {schema_id}")
    return did


def _refusal(topic: Topic, reason: str) -> str:
    return (
        f"{topic.schema_file} is refused for {topic.subject}: {reason}. "
        f"Under {COMPATIBILITY} a new schema must read what the last one wrote: give new fields a default"
    )
