"""The report in a browser: headless Chromium, opened from disk, with axe-core.

Left out where Debian's chromium and the packages of the extra `browser` are not there; screenshots
of the slow tests are kept in build/screenshots.
"""

import shutil
from pathlib import Path

import pytest

from mugi.report.write import write_report
from tests.report.results import small_results

HOW = "needs: pip install -e '.[browser]' and apt-get install chromium"
sync_api = pytest.importorskip("playwright.sync_api", reason=HOW)
axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason=HOW)
CHROMIUM = next(filter(None, map(shutil.which, ["chromium", "chromium-browser"])), None)
pytestmark = pytest.mark.skipif(not CHROMIUM, reason=HOW)
SCREENSHOTS = Path(__file__).parents[2] / "build" / "screenshots"
WIDTHS = {390: 844, 1366: 768, 1600: 900}
PAGES = ["index", "claims", "figures", "accuracy", "survives", "sure", "where", "gates"]
PAGES += ["run", "yourself"]


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    results = small_results(tmp_path_factory.mktemp("run") / "results")
    write_report(results, results / "report")
    return results / "report"


@pytest.fixture(scope="module")
def browser():
    with sync_api.sync_playwright() as driver:
        opened = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield opened
        opened.close()


@pytest.fixture
def visit(browser, report):
    """Open a page at a width; nothing may be asked of the network, nothing said on the console."""
    context = browser.new_context()
    odd: list[str] = []

    def opened(name: str, width: int = 1366):
        page = context.new_page()
        page.set_viewport_size({"width": width, "height": WIDTHS[width]})
        page.on("console", lambda message: odd.append(message.text))
        page.on("pageerror", lambda error: odd.append(str(error)))
        page.on("request", lambda request: odd.append(request.url) if is_outside(request) else None)
        page.goto(f"file://{report}/{name}")
        page.wait_for_selector("html[data-ready]", timeout=60_000)
        return page

    yield opened
    context.close()
    assert odd == []


def is_outside(request) -> bool:
    return not request.url.startswith(("file:", "blob:", "data:"))


def rows(page) -> list[str]:
    return page.locator("#table-claims tbody tr td:first-child").all_inner_texts()


def test_claims_are_found_filtered_and_opened(visit):
    page = visit("claims.html")
    shown = rows(page)
    assert len(shown) == 6 and page.locator("#filters-claims").is_visible()
    page.select_option("select[name=verdict]", "holds")
    assert rows(page) == ["ABS-3", "LLM-3"]
    page.select_option("select[name=assumption]", "ws_load_rows")
    assert rows(page) == ["ABS-3"]
    page.select_option("select[name=verdict]", "")
    page.select_option("select[name=assumption]", "")
    page.fill("input[type=search]", "F8-1a")
    assert rows(page) == ["F8-1a"]


def test_a_sentence_leads_to_its_claim_opened(visit):
    page = visit("index.html")
    page.locator(".quote a", has_text="ABS-4").click()
    page.wait_for_selector("html[data-ready]")
    assert page.url.endswith("claims.html#ABS-4")
    assert page.locator("#ABS-4 dl").is_visible() and not page.locator("#ABS-3 dl").is_visible()


def test_an_address_can_ask_for_the_claims_of_a_conclusion(visit):
    page = visit("claims.html?conclusion=C-t")
    assert rows(page) == ["ABS-3", "ABS-4", "ABS-6"]
    assert page.input_value("select[name=conclusion]") == "C-t"


def test_by_keyboard_alone(visit):
    page = visit("claims.html")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    page.locator("#ABS-3 summary").focus()
    page.keyboard.press("Enter")
    assert page.locator("#ABS-3 dl").is_visible()


@pytest.mark.slow
@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("name", PAGES)
def test_every_page_at_every_width(visit, name, width):
    page = visit(f"{name}.html", width)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    found = axe.Axe().run(page, options={"preload": False})
    assert found.violations_count == 0, found.generate_report()
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=SCREENSHOTS / f"{name}-{width}.png", full_page=True)
