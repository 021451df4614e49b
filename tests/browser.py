"""Headless Chromium through a pipe (--remote-debugging-pipe): the DevTools protocol in JSON, a zero byte after each message."""

import base64
import json
import os
import select
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")
SECONDS = 60
START = """\
import fcntl, os, sys
free = [fcntl.fcntl(int(end), fcntl.F_DUPFD, 10) for end in sys.argv[1:3]]
os.dup2(free[0], 3), os.dup2(free[1], 4)
os.execv(sys.argv[3], sys.argv[3:])
"""  # a browser reads from descriptor 3 and writes to 4


def executable() -> str | None:
    """The path of a browser of the kind, if there is any."""
    return next((path for name in NAMES if (path := shutil.which(name))), None)


class Tab:
    """One page. requests: the addresses that it asked for; errors: what its console said was wrong."""

    def __init__(self, into: int, out: int):
        self.into, self.out, self.session = into, out, ""
        self.rest, self.last = b"", 0
        self.requests: list[str] = []
        self.errors: list[str] = []
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self.session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable")

    def call(self, method: str, **params: Any) -> dict[str, Any]:
        """The result of a command. RuntimeError with the browser's words for one that it refuses."""
        self.last += 1
        message = {"id": self.last, "method": method, "params": params} | ({"sessionId": self.session} if self.session else {})
        os.write(self.into, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._message()
            if answer.get("id") == self.last:
                if "error" in answer:
                    raise RuntimeError(f"{method}: {answer['error']}")
                return answer["result"]
            self._event(answer)

    def open(self, path: Path) -> None:
        """Loads a file; what it does later is seen at the next call."""
        self.requests.clear()
        self.errors.clear()
        self.call("Page.navigate", url=path.absolute().as_uri())
        self.wait("document.readyState === 'complete'")

    def run(self, script: str) -> Any:
        """The value of an expression, as JSON can hold it."""
        result = self.call("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in result:
            raise RuntimeError(result["exceptionDetails"]["exception"].get("description", "an error without words"))
        return result["result"].get("value")

    def wait(self, script: str) -> Any:
        """The value of an expression once it is true. TimeoutError."""
        end = time.monotonic() + SECONDS
        while not (found := self.run(script)):
            if time.monotonic() > end:
                raise TimeoutError(script)
            time.sleep(0.02)
        return found

    def size(self, width: int, height: int = 900) -> None:
        """Of the window, in CSS pixels."""
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=width < 500)

    def scheme(self, name: str) -> None:
        """What the system prefers: light or dark."""
        self.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": name}])

    def media(self, name: str) -> None:
        """What it is laid out for: screen or print, until `scheme` is called."""
        self.call("Emulation.setEmulatedMedia", media=name)

    def offline(self) -> None:
        """No network: what a page asks for fails, and is an error of its console."""
        self.call("Network.emulateNetworkConditions", offline=True, latency=0, downloadThroughput=-1, uploadThroughput=-1)

    def move(self, x: float, y: float) -> None:
        """The mouse, to a point of the window."""
        self.call("Input.dispatchMouseEvent", type="mouseMoved", x=x, y=y)

    def point(self, selector: str, place: int = 0) -> None:
        """The mouse, to the middle of an element, scrolled into sight; place: which of those that match."""
        found = f"document.querySelectorAll({json.dumps(selector)})[{place}]"
        self.run(f"{found}.scrollIntoView({{block: 'center'}})")
        box = f"(({{x, y, width, height}}) => [x, y, width, height])({found}.getBoundingClientRect())"
        x, y, width, height = self.run(box)
        self.move(x + width / 2, y + height / 2)

    def press(self, key: str) -> None:
        """A key, down and up."""
        for kind in ("keyDown", "keyUp"):
            self.call("Input.dispatchKeyEvent", type=kind, key=key, code=key)

    def screenshot(self, path: Path, full: bool = False) -> None:
        """What is seen, or all of the page, as PNG."""
        data = self.call("Page.captureScreenshot", captureBeyondViewport=full)["data"]
        path.write_bytes(base64.b64decode(data))

    def _message(self) -> dict[str, Any]:
        while b"\0" not in self.rest:
            if not select.select([self.out], [], [], SECONDS)[0]:
                raise TimeoutError("the browser says nothing")
            if not (read := os.read(self.out, 1 << 20)):
                raise RuntimeError("the browser has ended")
            self.rest += read
        message, _, self.rest = self.rest.partition(b"\0")
        return json.loads(message)

    def _event(self, event: dict[str, Any]) -> None:
        name, params = event.get("method"), event.get("params", {})
        if name == "Network.requestWillBeSent":
            self.requests.append(params["request"]["url"])
        elif name == "Runtime.exceptionThrown":
            self.errors.append(params["exceptionDetails"].get("exception", {}).get("description", "an exception"))
        elif name == "Log.entryAdded" and params["entry"]["level"] in ("error", "warning"):
            self.errors.append(params["entry"]["text"])
        elif name == "Runtime.consoleAPICalled" and params["type"] in ("error", "warning", "assert"):
            self.errors.append(json.dumps(params["args"]))


@contextmanager
def chromium(profile: Path) -> Iterator[Tab]:
    """A tab of a browser of its own, which ends with the block."""
    to_browser, from_browser = os.pipe(), os.pipe()
    options = ["--headless=new", "--remote-debugging-pipe", "--disable-gpu", "--no-first-run", f"--user-data-dir={profile}"]
    options += ["--no-sandbox"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []  # root has no sandbox of its own
    kept = (to_browser[0], from_browser[1])
    command = [sys.executable, "-c", START, *map(str, kept), executable(), *options]
    process = subprocess.Popen(command, pass_fds=kept, stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    for end in kept:
        os.close(end)
    try:
        yield Tab(to_browser[1], from_browser[0])
    finally:
        process.terminate()
        process.wait(SECONDS)
        os.close(to_browser[1])
        os.close(from_browser[0])
