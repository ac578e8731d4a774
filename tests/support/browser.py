"""A headless Chromium, driven through a pipe: https://chromedevtools.github.io/devtools-protocol/."""

import json
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

NAMES = ("chromium", "chromium-headless-shell", "chromium-browser", "google-chrome")
OPTIONS = (
    "--headless",
    "--no-sandbox",  # root has none, and what is opened is ours
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
    "--hide-scrollbars",
    "--remote-debugging-pipe",
)
PIPE = 'exec "$@" 3<&0 4>&1 </dev/null >/dev/null 2>&1'  # the browser reads from 3 and writes to 4
END = b"\0"

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Page:
    """A tab, and everything that it has told so far."""

    process: subprocess.Popen[bytes]
    session: str = ""
    told: list[Json] = field(default_factory=list)
    numbers: Iterator[int] = field(default_factory=count)

    def call(self, method: str, **params: Any) -> Json:
        """The answer to `method`; what the page tells meanwhile is kept."""
        number = next(self.numbers)
        of_session = {"sessionId": self.session} if self.session else {}
        self._send({"id": number, "method": method, "params": params, **of_session})
        while (said := self._receive()).get("id") != number:
            self.told.append(said)
        assert "error" not in said, said["error"]
        result: Json = said["result"]
        return result

    def open(self, path: Path, query: str = "") -> None:
        """Open the file and wait until its scripts have run and what they drew is on the screen.

        `query` follows its name in the address.
        """
        self.told.clear()
        self.call("Page.navigate", url=f"{path.as_uri()}{query}")
        while not any(said.get("method") == "Page.loadEventFired" for said in self.told):
            self.told.append(self._receive())
        self.settle()

    def settle(self) -> None:
        self.evaluate("new Promise(resolve => requestAnimationFrame(() => requestAnimationFrame(resolve)))")

    def evaluate(self, script: str) -> Any:
        """The value of the script, or what its promise becomes."""
        seen = self.call("Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True)
        assert "exceptionDetails" not in seen, seen["exceptionDetails"]
        return seen["result"].get("value")

    def show(self, width: int, height: int, scheme: str = "light") -> None:
        """Be a screen of that size, in a light or a dark scheme."""
        self.call(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=width < 600
        )
        self.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])

    def complaints(self) -> list[str]:
        """What went to the console or into the log, and exceptions."""
        methods = ("Runtime.consoleAPICalled", "Runtime.exceptionThrown", "Log.entryAdded")
        return [json.dumps(said["params"]) for said in self.told if said.get("method") in methods]

    def requested(self) -> list[str]:
        """The addresses that were asked for."""
        return [
            said["params"]["request"]["url"] for said in self.told if said.get("method") == "Network.requestWillBeSent"
        ]

    def _send(self, message: Json) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(message).encode() + END)
        self.process.stdin.flush()

    def _receive(self) -> Json:
        assert self.process.stdout is not None
        received = bytearray()
        while (byte := self.process.stdout.read(1)) not in (END, b""):
            received += byte
        assert byte, "the browser has ended"
        message: Json = json.loads(received)
        return message


def find_browser() -> str | None:
    return next((found for name in NAMES if (found := shutil.which(name))), None)


@contextmanager
def opened(program: str, profile: Path) -> Iterator[Page]:
    """A page of a browser of its own."""
    command = ["sh", "-c", PIPE, "sh", program, *OPTIONS, f"--user-data-dir={profile}"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        browser = Page(process)
        target = browser.call("Target.createTarget", url="about:blank")["targetId"]
        session = browser.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        page = Page(process, session, numbers=count(1000))
        for domain in ("Page", "Runtime", "Log", "Network"):
            page.call(f"{domain}.enable")
        yield page
        browser.call("Browser.close")
