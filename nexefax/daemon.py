"""The composition root: builds the services, runs them in one TaskGroup, and heeds signals."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import stat
from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack, contextmanager
from pathlib import Path

from nexefax import __version__, cage, config, systemd
from nexefax.call_reports import CallReports
from nexefax.config import Config
from nexefax.config.changes import changes, merged
from nexefax.control import control_handler
from nexefax.errors import ConfigError, NexeFaxError
from nexefax.fastagi.server import FastAgiServer
from nexefax.fax.worker import Worker
from nexefax.httpd import HttpServer
from nexefax.logs import logging_to, set_debug
from nexefax.scratch import remove_leftovers
from nexefax.store import Journal
from nexefax.web.api import http_limits
from nexefax.web.site import build_web

log = logging.getLogger("nexefax")

CLOSE_GRACE = 10.0  # seconds for running uploads and reports after a TERM; systemd's own limit is 90
HURRY_GRACE = 0.5  # the same after a second signal


class Daemon:
    """One run of NexeFax on the configuration folder ``directory``."""

    def __init__(self, directory: Path, loaded: Config) -> None:
        self._directory = directory
        self._config = loaded
        self._stop = asyncio.Event()
        self._hurry = asyncio.Event()
        self._reload = asyncio.Event()

    @property
    def config(self) -> Config:
        """The configuration as it is now."""
        return self._config

    async def run(self) -> None:
        """Serve until SIGTERM or SIGINT.

        Raises ConfigError, JournalError or OSError when it can't start; a service that breaks ends the daemon with
        its error, since systemd starts it again and everything is found again on the disk.
        """
        with self._heed_signals():
            await self._run()

    async def _run(self) -> None:
        general = self._config.general
        journal = await Journal.open(general.data_dir)  # first: its lock says that no other daemon works here
        try:
            await asyncio.to_thread(prepare_scratch, general.tmp_dir)
            worker = Worker(journal, lambda: self._config)
            await worker.recover()
            refused: OSError | None = None
            async with asyncio.TaskGroup() as tasks:
                running = [
                    tasks.create_task(worker.run(), name="worker"),
                    tasks.create_task(_feed_watchdog(), name="watchdog"),
                ]
                async with AsyncExitStack() as stack:
                    try:
                        servers = await self._open(stack, journal, worker)
                    except OSError as error:
                        refused = error  # a port in use: a sentence, which the groups would make a traceback
                    else:
                        reload = self._reload_when_asked(worker, *servers)
                        running.append(tasks.create_task(reload, name="reload"))
                        systemd.notify("READY=1")
                        await self._stop.wait()
                        systemd.notify("STOPPING=1")
                        log.info("NexeFax stops")
                for task in running:
                    task.cancel()
            if refused is not None:
                raise refused
        finally:
            await journal.close()

    async def _open(
        self, stack: AsyncExitStack, journal: Journal, worker: Worker
    ) -> tuple[FastAgiServer, HttpServer]:
        """Start to listen; the stack ends it all in reverse order."""
        server = self._config.server
        agi = FastAgiServer(CallReports(worker), allow=server.fagi_allow)
        site = await stack.enter_async_context(
            build_web(lambda: self._config, journal, worker, desk=worker.desk, images=worker.images)
        )
        http = HttpServer(
            site,
            limits=http_limits(),
            trusted_proxies=server.trusted_proxies,
            error_page=site.error_page,
        )
        control = HttpServer(control_handler(lambda: self._config, journal, worker))
        agi_port = await agi.start(server.fagi_bind, server.port_fagi)
        stack.push_async_callback(self._close, agi)
        http_port = await http.start(server.bind, server.port_http)
        stack.push_async_callback(self._close, http)
        await self._open_control(stack, control)
        log.info(
            "NexeFax %s is ready: FastAGI on %s:%d, web page on %s:%d, accounts: %s",
            __version__,
            server.fagi_bind,
            agi_port,
            server.bind,
            http_port,
            ", ".join(account.id for account in self._config.accounts.values()) or "none",
        )
        return agi, http

    async def _open_control(self, stack: AsyncExitStack, control: HttpServer) -> None:
        path = self._config.server.control_socket
        try:
            await control.start_unix(path, 0o660)
        except OSError as error:
            log.warning(
                "the command line can't reach this daemon: %s can't be made (%s); config.conf, [server]:"
                " control_socket must be in a folder that NexeFax's user may write",
                path,
                error.strerror or error,
            )
            return
        stack.push_async_callback(self._close, control)

    async def _close(self, server: FastAgiServer | HttpServer) -> None:
        """Let a server finish; a second signal hurries it."""

        async def hurry() -> None:
            await self._hurry.wait()
            await server.close(HURRY_GRACE)

        async with asyncio.TaskGroup() as tasks:
            hurrying = tasks.create_task(hurry(), name="hurry")
            await server.close(CLOSE_GRACE)
            hurrying.cancel()

    @contextmanager
    def _heed_signals(self) -> Iterator[None]:
        """Heed signals from before the start until after the end: none may kill what is half done."""
        loop = asyncio.get_running_loop()
        handlers: dict[signal.Signals, Callable[[], None]] = {
            signal.SIGTERM: self._asked_to_stop,
            signal.SIGINT: self._asked_to_stop,
            signal.SIGHUP: self._reload.set,
        }
        for number, handler in handlers.items():
            loop.add_signal_handler(number, handler)
        try:
            yield
        finally:
            for number in handlers:
                loop.remove_signal_handler(number)

    def _asked_to_stop(self) -> None:
        if self._stop.is_set():
            self._hurry.set()
        self._stop.set()

    async def _reload_when_asked(self, worker: Worker, agi: FastAgiServer, http: HttpServer) -> None:
        while True:
            await self._reload.wait()
            self._reload.clear()
            systemd.notify_reloading()
            try:
                await self.reload()
                agi.admit(self._config.server.fagi_allow)
                http.trusted_proxies = frozenset(self._config.server.trusted_proxies)
                await worker.accounts_changed()
            except ConfigError as error:
                for problem in error.problems:
                    log.error("%s", problem)
                log.error("the configuration was not reloaded; the old one stays in force")
            except NexeFaxError:
                log.exception("the reload was not finished")
            systemd.notify("READY=1")

    async def reload(self) -> None:
        """Read the configuration again. What can't change while running stays as it is, and is named in the log.

        Raises ConfigError when it is wrong; then the old one stays in force.
        """
        new = await asyncio.to_thread(config.load, self._directory)
        for warning in new.warnings:
            log.warning("%s", warning)
        found = changes(self._config, new)
        self._config = merged(self._config, new)
        for sentence in found.live:
            log.info("%s", sentence)
        for sentence in found.restart:
            log.warning("%s; restart NexeFax for it", sentence)
        for what, ids in (
            ("added", found.accounts_added),
            ("removed", found.accounts_removed),
            ("changed", found.accounts_changed),
        ):
            if ids:
                log.info("accounts %s: %s", what, ", ".join(ids))
        set_debug(self._config.logging.debug)
        log.info("configuration reloaded")


_SCRATCH_NAMES = ("child-", "upload-")  # what scratch.py and httpd/forms.py make there


def prepare_scratch(tmp_dir: Path) -> None:
    """Make ``tmp_dir`` ours alone, 0700, and empty it of what a killed run left.

    Raises ConfigError when it is a link, or somebody else's: others could then read or swap what is converted. A
    folder with files of others in it is refused as well, not shut: run as root, that would be /usr or /var/tmp.
    """
    where = f"config.conf, [general]: tmp_dir={tmp_dir}"
    try:
        tmp_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        status = tmp_dir.lstat()
    except OSError as error:
        raise ConfigError(
            f"{where} can't be made ({error.strerror}); name a folder that NexeFax's user may make"
        ) from error
    if not stat.S_ISDIR(status.st_mode):
        raise ConfigError(f"{where} is a link or a file; remove it, or name another folder")
    if status.st_uid != os.geteuid():
        raise ConfigError(f"{where} belongs to another user; remove it, or name another folder")
    if stat.S_IMODE(status.st_mode) & 0o077:
        if any(not path.name.startswith(_SCRATCH_NAMES) for path in tmp_dir.iterdir()):
            raise ConfigError(
                f"{where} is open to others and holds files of theirs; name a folder of NexeFax's own"
            )
        tmp_dir.chmod(0o700)
    remove_leftovers(tmp_dir)
    for upload in tmp_dir.glob("upload-*"):  # by httpd/forms.py, never answered
        upload.unlink(missing_ok=True)


async def _feed_watchdog() -> None:
    """Tell systemd that the loop still turns; it ends a hung one, since Asterisk's AGI() would wait for ever."""
    seconds = systemd.watchdog_seconds()
    while seconds is not None:
        systemd.notify("WATCHDOG=1")
        await asyncio.sleep(seconds / 3)


def serve(directory: Path) -> None:
    """Run the daemon on the configuration folder ``directory`` until it is told to stop.

    Raises ConfigError, JournalError or OSError when it can't start.
    """
    loaded = config.load(directory)
    with logging_to(loaded.logging.file, debug=loaded.logging.debug):
        for warning in loaded.warnings:
            log.warning("%s", warning)
        caged = cage.report()
        for sentence in caged.sentences:
            log.log(logging.INFO if caged.holds else logging.ERROR, "%s", sentence)
        try:
            asyncio.run(Daemon(directory, loaded).run())
        except ExceptionGroup:
            log.exception("a part of NexeFax broke down; NexeFax ends, and systemd starts it again")
            raise
