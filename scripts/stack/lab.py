"""One lab on this machine: what can be done with it as a whole."""

import shutil
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass

from contracts.model import Lab
from contracts.settings import Settings
from scripts.bootstrap.ksql import apply_ksql
from scripts.bootstrap.report import Report
from scripts.bootstrap.schemas import ensure_schemas
from scripts.bootstrap.topics import ensure_topics
from scripts.stack.errors import NotRunning
from scripts.stack.locks import file_lock
from scripts.stack.orphans import end_orphans
from scripts.stack.services import SCHEMAS, STATEMENTS, TOPICS, Service, find_service, service_table
from scripts.stack.start import Say, Step, run_steps, service_step, stop_services
from scripts.stack.supervision import Supervisor

Bootstrap = Callable[[Settings, Lab], Report]


@dataclass(frozen=True)
class NativeLab:
    """The services of a lab as processes of this machine."""

    settings: Settings
    declared: Lab
    services: tuple[Service, ...]
    supervisor: Supervisor

    @classmethod
    def build(cls, settings: Settings, declared: Lab) -> "NativeLab":
        """The lab that `settings` describes; nothing is started."""
        services = service_table(settings)
        return cls(settings, declared, services, Supervisor(settings, services))

    def is_alive(self, name: str) -> bool:
        """Whether the supervisor has a process for the service."""
        try:
            return self.supervisor.info(name).alive
        except NotRunning:
            return False

    def up(self, names: list[str], say: Say, *, bootstrap: bool = True) -> None:
        """Start the named services, all without names, and wait until they are ready.

        With `bootstrap`, topics, schemas and statements are brought to what is declared once their servers are ready.

        Raises:
            StackError: one of them cannot be started; what this call started is stopped again.
        """
        chosen = [find_service(self.services, name) for name in names] or list(self.services)
        with self._lock(say):
            for orphan in end_orphans(self.settings, self.supervisor):
                say(f"{orphan} had lost its supervisor; ended it")
            self.supervisor.start_daemon()
            before = {each.name for each in chosen if self.supervisor.info(each.name).alive}
            try:
                run_steps(self._service_steps(chosen, say) + (self._bootstrap_steps(chosen, say) if bootstrap else []))
            except BaseException:
                stop_services(self.supervisor, [each for each in chosen if each.name not in before], say)
                raise

    def down(self, say: Say) -> bool:
        """Stop every service and the supervisor. Returns False when nothing was running."""
        with self._lock(say):
            orphans = end_orphans(self.settings, self.supervisor)
            for orphan in orphans:
                say(f"{orphan} had lost its supervisor; ended it")
            if not self.supervisor.is_running():
                return bool(orphans)
            process = self.supervisor.process()
            stop_services(self.supervisor, self.services, say)
            self.supervisor.shutdown()
            if process:
                process.wait(30)
            shutil.rmtree(self.supervisor.socket.parent, ignore_errors=True)
            return True

    def stop(self, names: list[str], say: Say) -> None:
        """Stop the named services; the rest goes on."""
        with self._lock(say):
            stop_services(self.supervisor, [find_service(self.services, name) for name in names], say)

    def restart(self, name: str, say: Say) -> None:
        """Stop one service, and start it again as the settings say now."""
        service = find_service(self.services, name)
        with self._lock(say):
            self.supervisor.start_daemon()
            stop_services(self.supervisor, [service], say)
            run_steps([service_step(self.settings, self.supervisor, service, say)])

    def _lock(self, say: Say) -> AbstractContextManager[None]:
        return file_lock(self.settings.home / "lab.lock", lambda: say("another command holds the lab; waiting"))

    def _service_steps(self, chosen: list[Service], say: Say) -> list[Step]:
        return [service_step(self.settings, self.supervisor, each, say) for each in chosen]

    def _bootstrap_steps(self, chosen: list[Service], say: Say) -> list[Step]:
        """Topics, schemas and statements, as far as what they need is being started."""
        here = {each.name for each in self.services}
        there = {name for name in ("kafka", "registry", "ksql") if name not in here}
        names = {each.name for each in chosen} | there
        steps = (
            ("kafka", self._bootstrap(TOPICS, ("kafka",), ensure_topics, say)),
            ("registry", self._bootstrap(SCHEMAS, ("registry",), ensure_schemas, say)),
            ("ksql", self._bootstrap(STATEMENTS, ("ksql", TOPICS, SCHEMAS), apply_ksql, say)),
        )
        return [step for server, step in steps if server in names]

    def _bootstrap(self, name: str, needs: tuple[str, ...], work: Bootstrap, say: Say) -> Step:
        def run(_cancel: threading.Event) -> None:
            report = work(self.settings, self.declared)
            say(f"{name}: {report.changed} changed" if report.changed else f"{name}: as declared")

        return Step(name, needs, run)
