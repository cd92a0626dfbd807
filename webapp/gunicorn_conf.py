"""How gunicorn serves the web app: gunicorn -c webapp/gunicorn_conf.py 'webapp:create_app()'"""

import signal
import threading
from typing import Any

from contracts.settings import load_settings

_settings = load_settings()

bind = f"{_settings.host}:{_settings.port('web')}"
workers = 1  # recent customers and event streams are kept in the process
worker_class = "gthread"
threads = _settings.web_threads
worker_connections = 1000
keepalive = 5
graceful_timeout = 4
control_socket_disable = True  # its default place is shared by every gunicorn of this user


def post_worker_init(worker: Any) -> None:
    """Warm up, and end the event streams when told to stop: the worker waits for requests, and streams have no end."""
    from webapp.services import KEY  # noqa: PLC0415 - the parent process need not load the web app

    lab = worker.wsgi.extensions[KEY]
    threading.Thread(target=lab.warm_up, name="warm-up", daemon=True).start()

    def on_term(number: int, frame: Any) -> None:
        lab.close()
        worker.handle_exit(number, frame)

    signal.signal(signal.SIGTERM, on_term)
