"""The README's pictures, from the running lab: `make up`, send events, `python -m benchmarks.screenshots`."""

import sys
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

from contracts.settings import PROJECT_DIR, load_settings
from scripts.stack.browser import find_browser

IMAGES = PROJECT_DIR / "docs" / "images"
FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"]
ROW = "tr[data-customer]"


def take(page: Page, folder: Path) -> None:
    """The list, then the customer of its first row."""
    page.goto("/")
    page.wait_for_selector(f"{ROW} [data-cell=propensity]")
    page.screenshot(path=folder / "customers.png")
    page.locator(f"{ROW} a").first.click()
    page.wait_for_load_state()
    page.screenshot(path=folder / "customer.png")


def main() -> None:
    """Take the pictures with the system's Chromium."""
    chromium = find_browser()
    if chromium is None:
        sys.exit("pictures need Chromium: install it with the system's package manager")
    IMAGES.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        page = browser.new_page(base_url=load_settings().web_url, viewport={"width": 1280, "height": 720})
        take(page, IMAGES)
        browser.close()


if __name__ == "__main__":
    main()
