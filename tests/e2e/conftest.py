"""The whole lab on free ports, started as `make up` starts it, and a real browser."""

import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from contracts.marketing import MARKETING
from contracts.settings import PROJECT_DIR
from scripts.stack.browser import find_browser
from scripts.stack.lab import NativeLab
from scripts.stack.trial import trial_lab

FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
SCREENSHOTS = PROJECT_DIR / ".lab" / "screenshots"


@pytest.fixture(scope="session")
def lab() -> Iterator[NativeLab]:
    """Every station; no customer in it yet."""
    with (
        tempfile.TemporaryDirectory(prefix="lab-e2e-", ignore_cleanup_errors=True) as home,
        trial_lab(Path(home), MARKETING, [], print, bootstrap=True) as running,
    ):
        yield running


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """The system's Chromium."""
    found = find_browser()
    if found is None:
        pytest.fail(
            "browser tests need Chromium: install it with the system's package manager, e.g. apt install chromium"
        )
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=found, args=FLAGS)
        yield running
        running.close()


@pytest.fixture
def context(browser: Browser, lab: NativeLab) -> Iterator[BrowserContext]:
    """A fresh visitor. Whatever a page asks of another host, or complains about, fails the test."""
    made = browser.new_context(base_url=lab.settings.web_url, viewport={"width": 1280, "height": 800})
    made.set_default_timeout(15_000)
    elsewhere: list[str] = []
    made.on("request", lambda r: None if r.url.startswith(lab.settings.web_url) else elsewhere.append(r.url))
    errors: list[str] = []
    made.on("weberror", lambda error: errors.append(str(error.error)))
    yield made
    made.close()
    assert elsewhere == []
    assert errors == []


@pytest.fixture
def page(context: BrowserContext) -> Page:
    return context.new_page()


@pytest.fixture
def shot() -> Callable[[Page, str], None]:
    """`shot(page, name)` keeps a screenshot."""
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)

    def keep(shown: Page, name: str) -> None:
        shown.screenshot(path=SCREENSHOTS / f"{name}.png")

    return keep
