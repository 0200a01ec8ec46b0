"""Starts and stops what is tested."""
from __future__ import annotations

import contextlib
import json
import os
import pathlib
import signal
import socket
import subprocess
import sys
import tempfile
import time
from typing import Iterator, Sequence

import httpx

SOURCE = pathlib.Path(os.environ["KANDINSKY_SOURCE"])
MODEL = SOURCE / "models" / "emojich-nano"
BINDING = SOURCE / "bindings" / "python"


def wait_until_ready(url: str, process: subprocess.Popen[bytes], log: pathlib.Path, seconds: float = 90) -> None:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if process.poll() is not None:
            raise AssertionError(f"the server ended with {process.returncode}:\n{log.read_text()}")
        with contextlib.suppress(httpx.HTTPError):
            if httpx.get(f"{url}/v2/health/ready", timeout=5).status_code == 200:
                return
        time.sleep(0.1)
    raise AssertionError(f"not ready after {seconds} s:\n{log.read_text()}")


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(40)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        raise


class Native:
    """A running kandinsky-server."""

    def __init__(self, url: str, process: subprocess.Popen[bytes], log: pathlib.Path) -> None:
        self.url = url
        self.process = process
        self.log = log

    def metrics(self) -> dict[str, float]:
        """Sample (name with labels) -> value."""
        text = httpx.get(f"{self.url}/metrics", timeout=10).text
        return {name: float(value) for name, value in
                (line.rsplit(" ", 1) for line in text.splitlines() if line and not line.startswith("#"))}


@contextlib.contextmanager
def native(*options: str) -> Iterator[Native]:
    with tempfile.TemporaryDirectory() as folder:
        log = pathlib.Path(folder) / "log"
        with log.open("wb") as file:
            process = subprocess.Popen([os.environ["KANDINSKY_SERVER"], "--model", str(MODEL), "--port", "0", *options],
                                       stderr=file, stdout=file)
        try:
            yield Native(f"http://127.0.0.1:{_port(process, log)}", process, log)
        finally:
            _stop(process)
        assert process.returncode == 0, log.read_text()


def _port(process: subprocess.Popen[bytes], log: pathlib.Path) -> int:
    until = time.monotonic() + 20
    while time.monotonic() < until and process.poll() is None:
        for line in log.read_text().splitlines():
            with contextlib.suppress(ValueError):
                event = json.loads(line)
                if event.get("event") == "listening":
                    return int(event["port"])
        time.sleep(0.05)
    raise AssertionError(f"the server does not listen:\n{log.read_text()}")


@contextlib.contextmanager
def ready_native(*options: str) -> Iterator[Native]:
    with native(*options) as server:
        wait_until_ready(server.url, server.process, server.log)
        yield server


@contextlib.contextmanager
def kserve_model_server(*options: str) -> Iterator[str]:
    """KServe's ModelServer with our model class; gives its URL."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    path = [str(SOURCE / "apps" / "kandinsky-kserve"), str(BINDING), os.environ["PYTHONPATH"]]
    arguments: Sequence[str] = [sys.executable, "-m", "kandinsky_kserve", "--http_port", str(port), "--enable_grpc", "false", *options]
    with tempfile.TemporaryDirectory() as folder:
        log = pathlib.Path(folder) / "log"
        with log.open("wb") as file:
            process = subprocess.Popen(arguments, env={**os.environ, "PYTHONPATH": os.pathsep.join(path)}, stderr=file, stdout=file)
        try:
            url = f"http://127.0.0.1:{port}"
            wait_until_ready(url, process, log)
            yield url
        finally:
            _stop(process)
