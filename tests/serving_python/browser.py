"""A headless Chromium, driven through the DevTools protocol."""
from __future__ import annotations

import base64
import contextlib
import itertools
import json
import os
import pathlib
import shutil
import signal
import subprocess
import tempfile
import time
from typing import Any, Iterator, Optional

import httpx
import websockets.sync.client

PROGRAM: Optional[str] = next(filter(None, map(shutil.which, ("chromium-headless-shell", "chromium", "chromium-browser"))), None)


class Page:
    def __init__(self, socket: websockets.sync.client.ClientConnection) -> None:
        self._socket = socket
        self._ids = itertools.count(1)
        self.problems: list[str] = []  # exceptions, console errors, blocked or failed loads
        for domain in ("Page", "Runtime", "Log", "Network", "DOM"):
            self.send(f"{domain}.enable")

    def send(self, method: str, **parameters: Any) -> Any:
        number = next(self._ids)
        self._socket.send(json.dumps({"id": number, "method": method, "params": parameters}))
        while True:
            message = json.loads(self._socket.recv(timeout=60))
            if message.get("id") == number:
                assert "error" not in message, f"{method}: {message['error']}"
                return message["result"]
            self._note(message.get("method"), message.get("params", {}))

    def _note(self, method: Optional[str], parameters: Any) -> None:
        if method == "Runtime.exceptionThrown":
            self.problems.append(json.dumps(parameters["exceptionDetails"]))
        elif method == "Runtime.consoleAPICalled" and parameters["type"] == "error":
            self.problems.append(json.dumps(parameters["args"]))
        elif method == "Log.entryAdded" and parameters["entry"]["level"] == "error":
            self.problems.append(parameters["entry"]["text"] + " " + parameters["entry"].get("url", ""))

    def evaluate(self, expression: str) -> Any:
        """The value of a JavaScript expression; a promise is waited for."""
        answer = self.send("Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True, userGesture=True)
        assert "exceptionDetails" not in answer, answer["exceptionDetails"]
        return answer["result"].get("value")

    def wait(self, expression: str, seconds: float = 60) -> Any:
        """Until the expression is true."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            if value := self.evaluate(expression):
                return value
            time.sleep(0.05)
        raise AssertionError(f"not within {seconds} s: {expression}\n{self.evaluate('document.body.innerText')}\n{self.problems}")

    def open(self, url: str) -> None:
        self.send("Page.navigate", url=url)
        self.wait("document.readyState === 'complete'")

    def size(self, width: int, height: int, phone: bool = False) -> None:
        self.send("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=2 if phone else 1, mobile=phone)
        self.send("Emulation.setTouchEmulationEnabled", enabled=phone)

    def scheme(self, name: str) -> None:
        self.send("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": name}])

    def text(self, selector: str, value: str) -> None:
        """Puts a text into a field in place of what it holds."""
        self.evaluate(f"""(e => {{ e.focus(); e.value = {json.dumps(value)}; e.dispatchEvent(new Event('input', {{ bubbles: true }}));
                          e.dispatchEvent(new Event('change', {{ bubbles: true }})); }})(document.querySelector({json.dumps(selector)}))""")

    def click(self, selector: str) -> None:
        self.evaluate(f"document.querySelector({json.dumps(selector)}).click()")

    def key(self, key: str, modifiers: int = 0) -> None:
        codes = {"Tab": 9, "Enter": 13, "Escape": 27, "Delete": 46, " ": 32}
        for kind in ("rawKeyDown", "char", "keyUp"):
            if kind == "char" and key != "Enter":
                continue
            self.send("Input.dispatchKeyEvent", type=kind, key=key, code=key, windowsVirtualKeyCode=codes[key], modifiers=modifiers,
                      **({"text": "\r"} if kind == "char" else {}))

    def file(self, selector: str, path: pathlib.Path) -> None:
        root = self.send("DOM.getDocument")["root"]["nodeId"]
        node = self.send("DOM.querySelector", nodeId=root, selector=selector)["nodeId"]
        self.send("DOM.setFileInputFiles", nodeId=node, files=[str(path)])

    def screenshot(self, path: pathlib.Path, whole: bool = False) -> None:
        kind = "jpeg" if path.suffix == ".jpg" else "png"
        path.write_bytes(base64.b64decode(self.send("Page.captureScreenshot", format=kind, captureBeyondViewport=whole,
                                                    **({"quality": 85} if kind == "jpeg" else {}))["data"]))


@contextlib.contextmanager
def page(language: str = "ru-RU") -> Iterator[Page]:
    assert PROGRAM is not None
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        arguments = [PROGRAM, "--headless", "--remote-debugging-port=0", f"--user-data-dir={folder}", "--no-first-run", "--disable-gpu",
                     "--no-sandbox", "--disable-dev-shm-usage", f"--accept-lang={language}", f"--lang={language}", "about:blank"]
        process = subprocess.Popen(arguments, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                                   start_new_session=True)
        try:
            port = _port(pathlib.Path(folder) / "DevToolsActivePort", process)
            [target] = [one for one in httpx.get(f"http://127.0.0.1:{port}/json/list").json() if one["type"] == "page"]
            with websockets.sync.client.connect(target["webSocketDebuggerUrl"], max_size=None, proxy=None) as socket:
                yield Page(socket)
        finally:
            os.killpg(process.pid, signal.SIGTERM)  # the program may be a script that starts another
            process.wait(20)
            for _ in range(100):  # until the last of them has left the folder alone
                try:
                    os.killpg(process.pid, 0)
                except ProcessLookupError:
                    break
                time.sleep(0.1)


def _port(file: pathlib.Path, process: subprocess.Popen[bytes]) -> int:
    until = time.monotonic() + 30
    while time.monotonic() < until and process.poll() is None:
        if file.exists() and (lines := file.read_text().splitlines()):
            return int(lines[0])
        time.sleep(0.05)
    raise AssertionError(f"{PROGRAM} does not start")
