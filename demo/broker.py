"""A real Apache Kafka on loopback, for the demo and for tests: one process that is broker and controller (KRaft)."""

from __future__ import annotations

import base64
import ipaddress
import re
import signal
import subprocess
import time
import uuid
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from demo.broker_config import LOGGING, MECHANISMS, properties
from demo.certificates import make_certificates
from demo.java import find_java
from demo.kafka_jars import VERSION, cache_folder, ensure_jars
from demo.ports import free_port, is_free
from lake.errors import FacingsError

__all__ = ["VERSION", "Broker", "BrokerError", "BrokerFailed", "DataInUse", "PortInUse", "free_port"]

_PLAIN = re.compile(r"[A-Za-z0-9._-]+")  # what needs no quoting in Kafka's own notation
_STARTED = "Kafka Server started"
_STOP_S = 30
_TRIES = 4


class BrokerError(FacingsError):
    """The broker could not be run as asked: the message says what to change."""


class PortInUse(BrokerError):
    """Something listens on the port already: choose another, or stop it."""


class DataInUse(BrokerError):
    """Another broker runs on the data folder: stop it, or choose another folder."""


class BrokerFailed(BrokerError):
    """The broker's process ended by itself: its log says why."""


class Broker:
    """One Kafka broker with its data in `data`. What it acknowledged outlives `kill` and `stop`: `start` goes on there.

    `address` is HOST:PORT. With `tls` it makes an authority of its own (`ca_file`); with `users` (name to password)
    clients authenticate by SCRAM; who they are is fixed when the data folder is first used. As a context manager it is
    started on entry and stopped on exit.
    """

    def __init__(
        self,
        data: Path,
        listen: str = "127.0.0.1:0",
        *,
        tls: bool = False,
        users: Mapping[str, str] | None = None,
        settings: Mapping[str, object] | None = None,
        heap_mb: int = 512,
        jars: Path | None = None,
        java: str | None = None,
        say: Callable[[str], None] = lambda text: None,
    ):
        """Port 0 takes a free one. `settings` are added to server.properties. Raises BrokerError, NoJava, JarsMissing.

        `jars` is the folder that keeps Kafka's jars, by default one below the home folder; `java` the Java to run.
        """
        self.host, self.port = _parse(listen)
        self.data, self.users = data.absolute(), dict(users or {})
        for text in (*self.users, *self.users.values()):
            if not _PLAIN.fullmatch(text):
                raise BrokerError(f"user name or password {text!r}: use letters, digits and . _ - only")
        self._chosen = self.port != 0
        self._settings, self._heap_mb = dict(settings or {}), heap_mb
        self._java = find_java(java)
        self._jars = ensure_jars((jars or cache_folder()).absolute(), self._java, say)
        self._process: subprocess.Popen[bytes] | None = None
        try:
            self.data.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise BrokerError(f"{data} can't hold records: {error.strerror}; choose another folder") from error
        self.log_file = self.data / "broker.log"
        self.ca_file: Path | None = None
        if tls:
            self.ca_file = self.data / "tls" / "ca.pem"
            if not self.ca_file.exists():
                make_certificates(self.data / "tls", tuple(dict.fromkeys((self.host, "127.0.0.1", "localhost"))))

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def address(self) -> str:
        """HOST:PORT of clients; known once it has started."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @property
    def pid(self) -> int | None:
        """Id of the broker's process; None where it does not run."""
        return self._process.pid if self._process is not None and self._process.poll() is None else None

    def start(self, timeout_s: float = 90) -> None:
        """Returns once clients are served; at once where it runs. Raises PortInUse, DataInUse, BrokerFailed."""
        if self.pid is not None:
            return
        for left in reversed(range(_TRIES)):
            if not self._chosen:
                self.port = free_port(self.host)
            elif not is_free(self.host, self.port):
                raise PortInUse(f"something listens on {self.address} already: stop it, or choose another port")
            try:
                self._start(timeout_s)
            except PortInUse:
                if not left:
                    raise
                continue  # one of its inner ports was taken meanwhile, or the one that it chose itself
            self._chosen = True  # a restart keeps the address that clients know
            return

    def stop(self, timeout_s: float = _STOP_S) -> None:
        """Stops it in order (SIGTERM); one that does not end in time is killed."""
        self._end(signal.SIGTERM, timeout_s)

    def kill(self) -> None:
        """Ends it as a power cut would end the process: SIGKILL, no goodbye."""
        self._end(signal.SIGKILL, _STOP_S)

    def wait(self, timeout_s: float | None = None) -> None:
        """Returns after `timeout_s` where the broker still runs. Raises BrokerFailed where it ended by itself."""
        assert self._process is not None, "not started"
        try:
            code = self._process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            return
        raise BrokerFailed(f"the broker ended with code {code}: {self._last_words(0)}")

    def client_options(self, user: str | None = None, mechanism: str = MECHANISMS[0]) -> dict[str, Any]:
        """What kafka-python's clients need to connect, as `user` (the first one by default) where it has users."""
        protocol = f"{'SASL_' if self.users else ''}{'SSL' if self.ca_file else 'PLAINTEXT'}"
        options: dict[str, Any] = {"bootstrap_servers": [self.address], "security_protocol": protocol}
        if self.ca_file:
            options["ssl_cafile"] = str(self.ca_file)
        if self.users:
            name = user or next(iter(self.users))
            options |= {
                "sasl_mechanism": mechanism,
                "sasl_plain_username": name,
                "sasl_plain_password": self.users[name],
            }
        return options

    def _start(self, timeout_s: float) -> None:
        config = self.data / "server.properties"
        config.touch(mode=0o600)
        config.write_text(self._properties(), "utf-8")
        (self.data / "log4j2.properties").write_text(LOGGING, "utf-8")
        if not (self.data / "log" / "meta.properties").exists():
            self._format(config)
        with self.log_file.open("ab") as log:
            begin = log.tell()
            self._process = subprocess.Popen(
                self._command("kafka.Kafka", [config], heap_mb=self._heap_mb),
                cwd=self.data,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # Ctrl-C in the terminal reaches the parent, which stops it in order
            )
        try:
            self._await(begin, time.monotonic() + timeout_s)
        except BaseException:
            self.kill()
            raise
        (self.data / "broker.pid").write_text(f"{self._process.pid}\n", "utf-8")

    def _await(self, begin: int, deadline: float) -> None:
        assert self._process is not None
        while _STARTED not in self._log(begin):
            if self._process.poll() is not None:
                text = self._log(begin)
                if "Address already in use" in text or "Failed to bind" in text:
                    raise PortInUse(f"another process took {self.address} or a port beside it: try again")
                if "Failed to acquire lock" in text:
                    raise DataInUse(f"{self.data} is in use by another broker: {self._holder()}")
                raise BrokerFailed(f"the broker did not start: {self._last_words(begin)}")
            if time.monotonic() > deadline:
                raise BrokerFailed(f"the broker was not ready in time: {self._last_words(begin)}")
            time.sleep(0.05)

    def _format(self, config: Path) -> None:
        cluster = base64.urlsafe_b64encode(b"\0" + uuid.uuid4().bytes[1:]).decode().rstrip("=")
        arguments: list[str | Path] = ["format", "--ignore-formatted", "-t", cluster, "-c", config]
        for name, password in self.users.items():
            for mechanism in MECHANISMS:
                arguments += ["--add-scram", f"{mechanism}=[name={name},password={password}]"]
        command = self._command("kafka.tools.StorageTool", arguments, heap_mb=128)
        done = subprocess.run(command, check=False, cwd=self.data, capture_output=True, text=True, errors="replace")
        if done.returncode:
            lines = (done.stdout + done.stderr).strip().splitlines()
            raise BrokerFailed(f"{self.data} could not be formatted: {lines[-1] if lines else 'no output'}")

    def _command(self, main: str, arguments: list[str | Path], *, heap_mb: int) -> list[str | Path]:
        return [
            self._java,
            f"-Xmx{heap_mb}m",
            "-XX:+UseSerialGC",
            "-XX:TieredStopAtLevel=1",  # a short life: quick to start beats quick after minutes
            f"-Dlog4j2.configurationFile={self.data / 'log4j2.properties'}",
            *("-cp", f"{self._jars}/*"),
            main,
            *arguments,
        ]

    def _properties(self) -> str:
        key_store = self.data / "tls" / "server.pem" if self.ca_file else None
        values = properties(self.address, self.data / "log", key_store, scram=bool(self.users))
        return "".join(f"{name}={value}\n" for name, value in (values | self._settings).items())

    def _end(self, how: signal.Signals, timeout_s: float) -> None:
        process, self._process = self._process, None
        if process is None or process.poll() is not None:
            return
        process.send_signal(how)
        try:
            process.wait(timeout_s)
        except BaseException as error:  # also a second Ctrl-C: never leave it behind
            process.kill()
            process.wait()
            if not isinstance(error, subprocess.TimeoutExpired):
                raise
        (self.data / "broker.pid").unlink(missing_ok=True)

    def _holder(self) -> str:
        try:
            return f"stop process {int((self.data / 'broker.pid').read_text())}, or choose another folder"
        except (OSError, ValueError):
            return "stop it, or choose another folder"

    def _log(self, begin: int) -> str:
        with self.log_file.open("rb") as file:
            file.seek(begin)
            return file.read().decode("utf-8", "replace")

    def _last_words(self, begin: int) -> str:
        lines = [line for line in self._log(begin).splitlines() if not line.startswith(("\t", " "))]
        return f"{' | '.join(lines[-2:])[:600] or 'it said nothing'} (see {self.log_file})"


def _parse(listen: str) -> tuple[str, int]:
    """Host and port of HOST:PORT. Raises BrokerError: no such form, or an address that others can reach."""
    host, _, port = listen.rpartition(":")
    host = host.strip("[]")
    if not host or not port.isascii() or not port.isdecimal() or int(port) > 65535:
        raise BrokerError(f"--listen {listen!r} is not HOST:PORT, such as 127.0.0.1:9092")
    try:
        loopback = host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        loopback = False
    if not loopback:
        raise BrokerError(f"--listen {listen}: this broker serves loopback only, such as 127.0.0.1:{port}")
    return ("127.0.0.1" if host == "localhost" else host), int(port)
