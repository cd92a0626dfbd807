"""What every command starts from: the settings, the lab they describe, and where to print."""

import importlib
import sys
from functools import cache

from pydantic import ValidationError
from rich.console import Console

from contracts.model import Lab
from contracts.settings import Settings, load_settings
from scripts.stack.errors import StackError
from scripts.stack.lab import NativeLab


@cache
def console() -> Console:
    """Where commands print."""
    return Console(highlight=False, soft_wrap=True)


@cache
def settings() -> Settings:
    """The settings of this command.

    Raises:
        StackError: a variable holds something that its setting does not accept.
    """
    try:
        loaded = load_settings()
    except ValidationError as error:
        lines = [f"{'.'.join(map(str, each['loc']))}: {each['msg']} (is {each['input']!r})" for each in error.errors()]
        raise StackError("a setting is not valid:\n" + "\n".join(lines)) from error
    # Commands may be called from anywhere; the services all run in the project's folder.
    return loaded.model_copy(update={"home": loaded.home.resolve(), "cache_dir": loaded.cache_dir.resolve()})


def declared(loaded: Settings) -> Lab:
    """The lab of contracts/ that the settings name.

    Raises:
        StackError: contracts/ declares no such lab.
    """
    try:
        module = importlib.import_module(f"contracts.{loaded.name}")
        lab: Lab = getattr(module, loaded.name.upper())
    except (ImportError, AttributeError) as error:
        raise StackError(f"LAB_NAME={loaded.name}: contracts/ declares no such lab") from error
    return lab


def native_lab() -> NativeLab:
    """The lab of this checkout; nothing is started."""
    return NativeLab.build(settings(), declared(settings()))


def say(text: str) -> None:
    """Print one line of progress."""
    console().print(text, markup=False)


def fail(text: str, code: int = 1) -> None:
    """Print what went wrong and end the command."""
    Console(stderr=True, highlight=False, soft_wrap=True).print(text, markup=False, style="red")
    sys.exit(code)
