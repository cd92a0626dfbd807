"""Runs a folder of cases in the format of ksqlDB's own tests: python -m ksql_engine.conformance DIR."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from ksql_engine.conformance import report
from ksql_engine.conformance.compatibility import page
from ksql_engine.conformance.pool import Result, run_all
from ksql_engine.conformance.suite import Selection, load_items


def read_arguments(arguments: list[str]) -> argparse.Namespace:
    """Return the command line's options."""
    parser = argparse.ArgumentParser(prog="python -m ksql_engine.conformance", description=__doc__)
    parser.add_argument("folder", type=Path, metavar="DIR", help="folder with the files of cases")
    parser.add_argument("--rest", action="store_true", help="run the REST cases, of DIR/rest if it is there")
    parser.add_argument("--tier", type=int, help="only cases of this tier, as the index says")
    parser.add_argument("--file", default="", help="only files whose name has this part")
    parser.add_argument("--name", default="", help="only cases whose name has this part")
    parser.add_argument("--jobs", type=int, default=1, help="number of processes")
    parser.add_argument("--json", action="store_true", help="print all results as JSON instead")
    parser.add_argument("--compatibility", type=Path, metavar="FILE", help="run all and write what holds to a page")
    parser.add_argument("--table", action="store_true", help="print the counts of each file")
    parser.add_argument("--verbose", action="store_true", help="print the statements and whole differences")
    return parser.parse_args(arguments)


def main(arguments: list[str]) -> int:
    """Run the chosen cases, print what failed, return 1 when something did."""
    given = read_arguments(arguments)
    if given.compatibility:
        return _write_page(given)
    items = load_items(given.folder, Selection(given.file, given.name, given.tier), given.rest)
    results: list[Result] = []
    for result in run_all(items, given.jobs):
        results.append(result)
        if result.outcome == "failed" and not given.json:
            print(report.failure(result, given.verbose), flush=True)
    if given.json:
        print(report.as_json(results))
        return 0
    if given.table:
        print(report.table(results))
    print(report.summary(results))
    return 1 if any(result.outcome == "failed" for result in results) else 0


def _write_page(given: argparse.Namespace) -> int:
    chosen = Selection(given.file, given.name, given.tier)
    statements = list(run_all(load_items(given.folder, chosen), given.jobs))
    rest = list(run_all(load_items(given.folder, chosen, rest=True), given.jobs))
    given.compatibility.write_text(page(statements, rest), encoding="utf-8")
    print(report.summary([*statements, *rest]))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
