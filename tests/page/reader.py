"""What a person does with the page, in words a test can use."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

Found = TypeVar("Found")


class Reader:
    def __init__(self, driver: Any) -> None:
        self.driver = driver

    # Opening and looking

    def open(self, folder: Path, place: str = "") -> None:
        # A blank page first: a change of the #part alone would not load the page again.
        self.driver.get("about:blank")
        self.driver.get((folder / "report.html").as_uri() + place)

    def go(self, place: str) -> None:
        self.script("location.hash = arguments[0]", place)
        self.wait(lambda: self.script("return location.hash") == place)
        self.script("return new Promise(done => requestAnimationFrame(() => done()))")

    def look(self, *, width: int, height: int, dark: bool, mobile: bool = False) -> None:
        metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": mobile}
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [scheme]})

    def script(self, code: str, *arguments: Any) -> Any:
        return self.driver.execute_script(code, *arguments)

    def wait(self, ready: Callable[[], Found], seconds: float = 10.0) -> Found:
        """What `ready` gives as soon as it is true."""
        until = time.monotonic() + seconds
        while not (found := ready()):
            assert time.monotonic() < until, "waited in vain"
            time.sleep(0.02)
        return found

    def console(self) -> list[str]:
        """What the browser complained of since it was last asked."""
        return [entry["message"] for entry in self.driver.get_log("browser")]

    def requests(self) -> list[str]:
        """Every address asked for since the last time."""
        messages = [
            json.loads(entry["message"])["message"] for entry in self.driver.get_log("performance")
        ]
        return [
            message["params"]["request"]["url"]
            for message in messages
            if message["method"] == "Network.requestWillBeSent"
        ]

    # Finding things

    def all(self, css: str) -> list[Any]:
        return list(self.driver.find_elements("css selector", css))

    def one(self, css: str) -> Any:
        return self.driver.find_element("css selector", css)

    def texts(self, css: str) -> list[str]:
        return list(
            self.script(
                "return [...document.querySelectorAll(arguments[0])].map(e => e.textContent)", css
            )
        )

    def field(self, words: str) -> Any:
        """The control in sight with this label."""
        for label in self.all("label.field"):
            if label.is_displayed() and label.text.startswith(words):
                return label.find_element("css selector", "input, select")
        raise AssertionError(f"no field {words!r}")

    def choose(self, words: str, option: str) -> None:
        from selenium.webdriver.support.select import Select

        Select(self.field(words)).select_by_visible_text(option)
        self.settle()

    def type(self, words: str, text: str) -> None:
        field = self.field(words)
        field.clear()
        field.send_keys(text)
        self.settle()

    def settle(self) -> None:
        """Wait until what was asked for is drawn."""
        self.script("return new Promise(done => requestAnimationFrame(() => setTimeout(done)))")

    # The heat map

    def rows(self) -> list[str]:
        """The songs in sight, from the top, by their whole names."""
        return list(
            self.script("return [...document.querySelectorAll('.song-names a')].map(a => a.title)")
        )

    def columns(self) -> list[str]:
        return [
            title.removeprefix("Sort by “").removesuffix("”")
            for title in self.script(
                "return [...document.querySelectorAll('.head button')].map(b => b.title)"
            )
        ]

    def cell(self, row: int, column: int) -> Any:
        """A pointer chain that has moved to the middle of a cell."""
        from selenium.webdriver import ActionChains

        cell, height = self.script(
            "const style = getComputedStyle(document.querySelector('.stage'));"
            "return ['--cell', '--row'].map(name => parseFloat(style.getPropertyValue(name)))"
        )
        canvas = self.one(".stage > canvas")
        self.script("arguments[0].scrollIntoView({block: 'center'})", canvas)
        x = round((column + 0.5) * cell - canvas.size["width"] / 2)
        y = round((row + 0.5) * height - canvas.size["height"] / 2)
        return ActionChains(self.driver).move_to_element_with_offset(canvas, x, y)

    def colour(self, css: str, what: str = "backgroundColor") -> tuple[int, ...]:
        text = self.script(
            "return getComputedStyle(document.querySelector(arguments[0]))[arguments[1]]", css, what
        )
        return tuple(int(float(part)) for part in text[text.index("(") + 1 : -1].split(",")[:3])

    # The player

    def position(self) -> float:
        return float(self.script("return document.querySelector('audio').currentTime"))
