"""An event's whole journey, seen in a real browser."""

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from scripts.stack.lab import NativeLab

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(420)]
LIVE_MS = 15_000
GOLD_MS = 90_000
"""The first event warms Spark up."""
Shot = Callable[[Page, str], None]


def create(page: Page, first: str = "", last: str = "") -> Locator:
    """Create a customer; returns its row when the views have it."""
    page.goto("/")
    expect(page.locator("[data-stream]")).to_have_attribute("data-state", "on")
    if first or last:
        page.get_by_text("with a name").click()
        page.get_by_label("First name").fill(first)
        page.get_by_label("Last name").fill(last)
    with page.expect_response(lambda r: r.request.method == "POST") as answered:
        page.get_by_role("button", name="Create New Customer").click()
    customer_id = answered.value.json()["customer_id"]
    row = page.locator(f'tr[data-customer="{customer_id}"]')
    expect(row).to_be_visible(timeout=LIVE_MS)
    return row


def cell(row: Locator, name: str) -> Locator:
    return row.locator(f'[data-cell="{name}"]')


def mark(page: Page) -> None:
    """A mark that a reload would wipe out."""
    page.evaluate("window.notReloaded = true")


def assert_not_reloaded(page: Page) -> None:
    assert page.evaluate("window.notReloaded === true")


def test_an_order_comes_back_twice(page: Page, shot: Shot) -> None:
    row = create(page)
    mark(page)
    expect(cell(row, "stage")).to_have_text("prospect")
    expect(cell(row, "live_orders")).to_have_text("0")
    expect(cell(row, "gold_orders")).to_have_text("0", timeout=GOLD_MS)
    row.get_by_role("button", name=re.compile("Add order")).click()
    expect(page.locator(".banner.done").first).to_contain_text("placed. Stored in dom.order.placed.v1")
    expect(cell(row, "live_orders")).to_have_text("1", timeout=LIVE_MS)
    expect(cell(row, "stage")).to_have_text("customer", timeout=LIVE_MS)
    shot(page, "order-live")
    expect(cell(row, "gold_orders")).to_have_text("1", timeout=GOLD_MS)
    expect(cell(row, "gold_value")).to_have_text(cell(row, "live_value").inner_text(), timeout=GOLD_MS)
    row.get_by_role("button", name=re.compile("Engage")).click()
    expect(cell(row, "live_sent")).to_have_text(re.compile("1 / 0|0 / 1"), timeout=LIVE_MS)
    expect(cell(row, "gold_sent")).to_have_text(re.compile("1 / 0|0 / 1"), timeout=GOLD_MS)
    expect(row.locator("[data-differs]")).to_have_count(0, timeout=GOLD_MS)
    expect(cell(row, "propensity")).to_have_text(re.compile(r"\d+%"), timeout=GOLD_MS)
    shot(page, "order-gold")
    assert_not_reloaded(page)


def test_the_detail_follows_too(page: Page, shot: Shot) -> None:
    row = create(page, "Dora", "Detail")
    row.get_by_role("link", name="Dora Detail").click()
    mark(page)
    orders = page.locator("#customer tr", has_text="Orders").first.locator("td")
    expect(orders.first).to_have_text("0")
    page.get_by_role("button", name=re.compile("Add order")).click()
    expect(orders.first).to_have_text("1", timeout=LIVE_MS)
    expect(orders.nth(1)).to_have_text("1", timeout=GOLD_MS)
    expect(page.get_by_text("dom.customer.gold.v1")).to_be_visible(timeout=GOLD_MS)
    assert_not_reloaded(page)
    shot(page, "customer")


def test_a_customer_named_script_is_text(page: Page) -> None:
    name = '<script>document.title="taken"</script>'
    row = create(page, name, "<img src=x onerror=alert(1)>")
    expect(cell(row, "name")).to_contain_text(name)
    cell(row, "name").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text(name)
    assert page.title() != "taken"
    assert page.locator("main img").count() == 0


def test_search_finds_by_prefix(page: Page) -> None:
    create(page, "Quirin", "Findme")
    for query in ("quir", "FINDM", "quirin f"):
        page.goto("/")
        page.get_by_role("searchbox").fill(query)
        page.get_by_role("searchbox").press("Enter")
        expect(page.locator("tbody tr")).to_have_count(1)
        expect(page.locator("tbody tr")).to_contain_text("Quirin Findme")
    page.goto("/?q=nobodyiscalledthis")
    expect(page.get_by_text("Nobody found")).to_be_visible()


def test_forms_work_without_scripts(browser: Browser, lab: NativeLab) -> None:
    context = browser.new_context(base_url=lab.settings.web_url, java_script_enabled=False)
    page = context.new_page()
    page.goto("/")
    page.get_by_role("button", name="Create New Customer").click()
    expect(page.locator(".banner.done")).to_contain_text("created. Stored in dom.customer.profile.upsert.v1")
    context.close()


def test_two_tabs_share_one_stream(page: Page) -> None:
    row = create(page, "Tab", "Two")
    other = page.context.new_page()
    streams: list[str] = []
    other.on("request", lambda request: streams.append(request.url) if request.url.endswith("/events") else None)
    other.goto("/?q=tab%20two")
    page.bring_to_front()
    row.get_by_role("button", name=re.compile("Add order")).click()
    expect(cell(other.locator("tbody tr"), "live_orders")).to_have_text("1", timeout=LIVE_MS)
    assert streams == []


def test_an_erased_customer_leaves_the_page(page: Page) -> None:
    row = create(page, "Erna", "Erased")
    other = page.context.new_page()
    other.goto("/?q=erna%20erased")
    expect(other.locator("tbody tr")).to_have_count(1)
    row.get_by_role("link", name="Erna Erased").click()
    page.on("dialog", lambda dialog: dialog.accept())
    page.get_by_role("button", name="Erase customer").click()
    expect(other.locator("tbody tr")).to_have_count(0, timeout=LIVE_MS)


@pytest.mark.parametrize(("scheme", "width"), [("dark", 1280), ("light", 390), ("dark", 390)])
def test_dark_and_narrow(browser: Browser, lab: NativeLab, shot: Shot, scheme: str, width: int) -> None:
    context = browser.new_context(
        base_url=lab.settings.web_url,
        color_scheme="dark" if scheme == "dark" else "light",
        viewport={"width": width, "height": 844},
    )
    page = context.new_page()
    create(page, "Nora", "Narrow")
    too_wide = page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth")
    assert not too_wide
    background = page.evaluate("getComputedStyle(document.body).backgroundColor")
    brightness = sum(int(part) for part in re.findall(r"\d+", background)[:3])
    assert (brightness < 200) is (scheme == "dark")
    shot(page, f"customers-{scheme}-{width}")
    context.close()


def test_redis_down_is_explained_and_heals(page: Page, lab: NativeLab, shot: Shot) -> None:
    row = create(page, "Rita", "Redis")
    customer_id = row.get_attribute("data-customer")
    lab.supervisor.stop("redis")
    try:
        expect(page.locator("[data-health]")).to_contain_text("redis is down since", timeout=30_000)
        row.get_by_role("button", name=re.compile("Add order")).click()  # Kafka is up: it still works
        expect(page.locator(".banner.done").first).to_contain_text("placed.")
        other = page.context.new_page()
        answer = other.goto("/")
        assert answer is not None
        assert answer.status == 200
        expect(other.get_by_text("The views cannot be read right now")).to_be_visible()
        shot(other, "redis-down")
    finally:
        lab.up(["redis"], print)
    healed = other.locator(f'tr[data-customer="{customer_id}"]')
    expect(cell(healed, "live_orders")).to_have_text("1", timeout=60_000)
    expect(page.locator("[data-health]")).not_to_contain_text("redis", timeout=30_000)
