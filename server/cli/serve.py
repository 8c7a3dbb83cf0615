"""`loralei serve`: fetches the model, starts the server, and shows the operator its URL."""

import gc
import logging
import socket
import threading
from typing import TYPE_CHECKING

from rich.console import Console
from rich.text import Text

from adapters_store.errors import ModelFetchError
from adapters_store.models.built_in import BUILT_IN
from server.base_model.advice import advise, better_model, describe
from server.base_model.last_start import save
from server.base_model.prepare import has_adapters, prepare_model
from server.cli.views import model_progress
from server.data_folder import DataFolderError
from server.settings import Settings
from server.storage.errors import storage_error

if TYPE_CHECKING:
    from server.services import Services

_LOADING_SECONDS = 3600.0


def start_server(settings: Settings, *, verbose: bool) -> int:
    """Serve until stopped, and return the exit status."""
    console = Console()
    configure_logs(verbose)
    if (reason := why_port_is_taken(settings.host, settings.port)) is not None:
        console.print(f"[red]Error:[/] {reason}")
        return 1
    try:
        with model_progress(console) as show:
            prepare_model(settings, show, lambda text: console.print(Text(text)))
        return _serve(settings, console)
    except (ModelFetchError, DataFolderError, ValueError, OSError) as error:
        console.print(Text.assemble(("Error: ", "red"), _why(error)))
        return 1
    except KeyboardInterrupt:
        return 130


def _why(error: Exception) -> str:
    """The error, and for one of the file system also the file: it may be in any folder."""
    if isinstance(error, OSError) and error.filename is not None:
        reason = storage_error(error) or f"{error.strerror}."
        return f"{error.filename} cannot be used. {reason}"
    return str(storage_error(error) or error)


def configure_logs(verbose: bool) -> None:
    """Log warnings to the terminal, with `verbose` also every request. Texts are never logged."""
    level = logging.INFO if verbose else logging.WARNING
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")
    for package in ("server", "scheduler", "feedback", "adapters_store"):
        logging.getLogger(package).setLevel(level)


def why_port_is_taken(host: str, port: int) -> str | None:
    """Why the server cannot listen there, or None if it can."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        # As the server does: connections in TIME_WAIT are no obstacle.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            reason = error.strerror or str(error)
            return f"cannot listen on {host} port {port} ({reason}): set LORALEI_PORT"
    return None


def _serve(settings: Settings, console: Console) -> int:
    # Imported here: they take a second or two, and a taken port is reported before that.
    with console.status("Starting …"):
        from server.http_server.server import HttpServer
        from server.services import Services

        services = Services(settings)

    def on_listening(url: str) -> None:
        # Not wrapped: a link in two lines cannot be clicked.
        console.print(welcome(url, services.new_admin_key), soft_wrap=True)
        console.print("Loading the model …", style="dim")
        threading.Thread(target=await_model, name="await-model", daemon=True).start()

    def await_model() -> None:
        if services.wait_until_loaded(_LOADING_SECONDS):
            # Loaded objects stay: scanning them for garbage takes a quarter of a second.
            gc.collect()
            gc.freeze()
            name = services.runtime.model.name
            console.print(f"[green]Ready:[/] {name} answers. Ctrl-C stops the server.")
            speed = speed_of(services)
            if not services.is_draining:
                console.print(Text(speed, "dim"), soft_wrap=True)
        elif services.failure is not None:
            console.print(Text.assemble(("Error: ", "red"), services.failure))
            server.should_exit = True

    try:
        server = HttpServer(services, on_listening)
        server.run()
    finally:
        services.stop()
    console.print("Stopped.")
    return 0 if services.failure is None else 1


def speed_of(services: "Services") -> str:
    """What the loaded model takes, and which one would suit better; kept for `loralei doctor`.

    It waits for a moment in which nobody uses the engine. vLLM servers are not measured.
    """
    # Imported here, as in `_serve`.
    from server.base_model.measure import measure_when_idle
    from server.engine.engine import LocalEngine

    runtime = services.runtime
    if not isinstance(runtime.engine, LocalEngine):
        return f"Replies come from vLLM: {', '.join(services.settings.vllm_urls)}"
    measured = measure_when_idle(runtime.engine, runtime.model.path, lambda: services.is_draining)
    if measured.tokens_per_second is not None:
        save(measured, services.stores.folder.probes)
    better = better_model(measured, BUILT_IN.values())
    advice = advise(measured, better, has_adapters=has_adapters(services.settings.data_dir))
    return f"{describe(measured)} {advice}".strip()


def welcome(url: str, new_admin_key: str | None) -> Text:
    """The URLs of the pages, and the first admin's key if this start made it."""
    url = url.replace("//0.0.0.0", "//localhost").replace("//[::]", "//localhost")
    fragment = "" if new_admin_key is None else f"#key={new_admin_key}"
    text = Text("\n")
    text.append("Chat page   ", "bold").append(f"{url}/{fragment}\n")
    text.append("Admin page  ", "bold").append(f"{url}/admin\n")
    if new_admin_key is not None:
        text.append("Admin key   ", "bold").append(f"{new_admin_key}\n")
        text.append("The key is shown only once: save it now.\n", "dim")
    return text
