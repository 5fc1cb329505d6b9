"""A headless Chromium, spoken to over its own DevTools protocol: what a page shows, and what it asks for."""

import base64
import itertools
import json
import os
import shutil
import subprocess
import time
from contextlib import contextmanager

import pytest
from websockets.sync.client import connect

NAMES = ("chromium", "chromium-browser", "google-chrome")
START_SECONDS = 60
HINT = "no Chromium to look at the page with: apt-get install chromium (macOS: brew install --cask chromium)"


class Page:
    """One tab."""

    def __init__(self, socket):
        self._socket = socket
        self._numbers = itertools.count(1)
        self.events = []

    def send(self, method, **parameters):
        """Ask the browser for something, and keep the events that come before its answer."""
        number = next(self._numbers)
        self._socket.send(json.dumps({"id": number, "method": method, "params": parameters}))
        while (message := json.loads(self._socket.recv(timeout=START_SECONDS))).get("id") != number:
            self.events.append(message)
        assert "error" not in message, message
        return message["result"]

    def open(self, url):
        """Load a page to its end."""
        self.events.clear()
        self.send("Page.navigate", url=url)
        while not any(event["method"] == "Page.loadEventFired" for event in self.events):
            self.events.append(json.loads(self._socket.recv(timeout=START_SECONDS)))

    def resize(self, width, height=800, *, phone=False):
        self.send("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=phone)

    def media(self, *, scheme="light", medium=""):
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        self.send("Emulation.setEmulatedMedia", media=medium, features=features)

    def value(self, expression):
        """What a JavaScript expression comes to."""
        result = self.send("Runtime.evaluate", expression=expression, returnByValue=True)
        assert "exceptionDetails" not in result, result
        return result["result"]["value"]

    def wait_for(self, expression):
        """Wait until a JavaScript expression is true, as a page that draws itself has no end of loading."""
        deadline = time.monotonic() + START_SECONDS
        while not self.value(f"Boolean({expression})"):
            assert time.monotonic() < deadline, f"{expression}: {self.text[:2000]}"
            time.sleep(0.1)

    @property
    def text(self):
        """What the page shows, as text."""
        return self.value("document.body.innerText")

    def picture(self, path):
        """Keep the whole page as a PNG."""
        shot = self.send("Page.captureScreenshot", captureBeyondViewport=True)
        path.write_bytes(base64.b64decode(shot["data"]))

    @property
    def requests(self):
        """The addresses that were asked for."""
        return [e["params"]["request"]["url"] for e in self.events if e["method"] == "Network.requestWillBeSent"]

    @property
    def complaints(self):
        """What the console shows."""
        said = [e["params"] for e in self.events if e["method"] in {"Log.entryAdded", "Runtime.consoleAPICalled"}]
        return said + [e["params"] for e in self.events if e["method"] == "Runtime.exceptionThrown"]


def chromium():
    """Where Chromium is; without it the test is skipped, but not in CI."""
    found = next(filter(None, map(shutil.which, NAMES)), None)
    if found is None:
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(HINT)
    return found


@contextmanager
def browser(directory):
    """Run Chromium and open a tab."""
    arguments = ("--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--remote-debugging-port=0")
    process = subprocess.Popen(
        [chromium(), *arguments, f"--user-data-dir={directory}", "about:blank"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        with connect(_tab(directory / "DevToolsActivePort"), max_size=None, open_timeout=START_SECONDS) as socket:
            page = Page(socket)
            for domain in ("Page", "Runtime", "Log", "Network"):
                page.send(f"{domain}.enable")
            yield page
    finally:
        process.terminate()
        process.wait(START_SECONDS)


def _tab(port_file):
    """The address of the tab, once the browser has written where it listens."""
    deadline = time.monotonic() + START_SECONDS
    while not (port_file.exists() and port_file.read_text().count("\n")):
        assert time.monotonic() < deadline, "Chromium does not start"
        time.sleep(0.05)
    port, path = port_file.read_text().splitlines()
    with connect(f"ws://127.0.0.1:{port}{path}", open_timeout=START_SECONDS) as socket:
        targets = Page(socket).send("Target.getTargets")["targetInfos"]
    tab = next(target["targetId"] for target in targets if target["type"] == "page")
    return f"ws://127.0.0.1:{port}/devtools/page/{tab}"
