"""The settings as environment variables, so that a service sees what the one who started it saw."""

import json
from typing import Any

from pydantic import AliasChoices, SecretStr
from pydantic.fields import FieldInfo

from contracts.settings import Settings


def settings_environment(settings: Settings) -> dict[str, str]:
    """Every setting that is not the default, by the name of its variable."""
    pairs = ((name, field, getattr(settings, name)) for name, field in Settings.model_fields.items())
    return {
        variable(name, field): _text(value)
        for name, field, value in pairs
        if value != field.get_default(call_default_factory=True)
    }


def variable(name: str, field: FieldInfo) -> str:
    """The environment variable of a setting."""
    if isinstance(field.validation_alias, AliasChoices):
        return str(field.validation_alias.choices[0])
    return f"{Settings.model_config['env_prefix']}{name}".upper()


def _text(value: Any) -> str:
    if isinstance(value, SecretStr):
        return value.get_secret_value()
    return json.dumps(value) if isinstance(value, dict | bool) else str(value)
