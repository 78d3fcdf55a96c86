"""A real Chromium, from the disk and without a network."""

import os
import shutil
from pathlib import Path

import pytest
from support.site_fixtures import results, site

__all__ = ["browser", "open_page", "results", "screenshots", "site"]

CHROMIUM = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), ""
)


@pytest.fixture(scope="session")
def browser():
    """Chromium, or a reason why there is none."""
    sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    if not CHROMIUM:
        pytest.skip("there is no Chromium")
    with sync_api.sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield launched
        launched.close()


@pytest.fixture
def open_page(browser, site):
    """Opens a page from disk; at the end nothing may have gone wrong in it."""
    wrong, opened = [], []

    def open_page(name, size=(1280, 900), scheme="light"):
        viewport = {"width": size[0], "height": size[1]}
        context = browser.new_context(viewport=viewport, color_scheme=scheme, offline=True)
        page = context.new_page()
        opened.append(context)
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on("requestfailed", lambda request: wrong.append(request.url))
        page.on("console", lambda said: said.type == "error" and wrong.append(said.text))
        file, _, place = name.partition("#")
        page.goto(f"{(site / file).as_uri()}#{place}")
        return page

    yield open_page
    for context in opened:
        context.close()
    assert not wrong


@pytest.fixture(scope="session")
def screenshots():
    """Where pictures for eyes go, if MASKPOLICY_SCREENSHOTS names a folder."""
    folder = os.environ.get("MASKPOLICY_SCREENSHOTS")
    return Path(folder) if folder else None
