"""One browser for all tests of the page; without chromium they are skipped, and say so."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from reader import Reader

FLAGS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--mute-audio",
    "--window-size=1280,900",
)


@pytest.fixture(scope="session")
def driver(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    selenium = pytest.importorskip("selenium.webdriver", reason="selenium is not installed")
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    chromedriver = shutil.which("chromedriver")
    if not chromium or not chromedriver:
        pytest.skip("the page is tested in chromium: install chromium and chromium-driver")
    options = selenium.ChromeOptions()
    options.binary_location = chromium
    for flag in FLAGS:
        options.add_argument(flag)
    options.add_argument(f"--user-data-dir={tmp_path_factory.mktemp('browser')}")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    service = selenium.ChromeService(chromedriver)
    browser = selenium.Chrome(options=options, service=service)
    yield browser
    browser.quit()


@pytest.fixture
def reader(driver: Any) -> Iterator[Reader]:
    """The page as a person uses it; at the end its console must be clean."""
    driver.get("about:blank")
    reader = Reader(driver)
    reader.look(width=1280, height=900, dark=False)
    reader.console()  # what an earlier test left
    reader.requests()
    yield reader
    assert reader.console() == []


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where a report goes; songs lie beside it, in ../songs."""
    made = tmp_path / "report"
    made.mkdir()
    return made
