"""`lab maintain`: asks for upkeep, and shows what was done."""

import json
import os
import subprocess
import sys
from typing import Any

from contracts.settings import PROJECT_DIR, Settings
from scripts.lakehouse.errors import TableError
from scripts.stack.environment import settings_environment


def maintained(settings: Settings) -> list[dict[str, Any]]:
    """Have every table tended: by the process that writes it, else by one of its own. What was done, per table.

    Raises:
        TableError: it could not be done.
    """
    done = subprocess.run(
        [sys.executable, "-m", "spark.maintain"],
        cwd=PROJECT_DIR,
        env={**os.environ, **settings_environment(settings)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise TableError(done.stderr.strip())
    tables: list[dict[str, Any]] = json.loads(done.stdout)
    return tables
