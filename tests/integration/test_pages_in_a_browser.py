"""The pages in headless Chromium: nothing is asked of anywhere, filters, focus and hover work, user text stays text."""

import shutil
import time
from dataclasses import replace

import pytest

import stance
from stance.pages import corpus_page
from stance.reporting import summarize_speakers

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium on this machine")


@pytest.fixture(scope="module")
def browser():
    with playwright.sync_playwright() as running:
        found = running.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        yield found
        found.close()


@pytest.fixture
def show(browser, tmp_path):
    """Open a page; at the end of the test nothing may have been complained about or asked for."""
    complaints = []
    context = browser.new_context()

    def opened(text):
        path = tmp_path / "page.html"
        path.write_text(text, encoding="utf-8")
        page = context.new_page()
        page.on("console", lambda message: complaints.append(message.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("request", lambda request: (request.url.startswith("file:") and request.url.endswith("page.html")) or complaints.append(request.url))
        page.goto(path.as_uri())
        return page

    yield opened
    context.close()
    assert not complaints


@pytest.fixture(scope="module", params=["the example", "a real article"])
def report(request, root):
    path = root / "examples" / "lake-truce.txt"
    if request.param == "a real article":
        folder = request.getfixturevalue("shared") / "data" / "articles"
        path = next(folder.glob("*.txt"))
    return stance.analyze(path.read_text(encoding="utf-8"))


def test_filters_hide_rows_and_unmark_the_text(show, report):
    page = show(report.to_html())
    rows, marks = page.locator("tbody tr[data-n]"), page.locator("article mark:not(.off)")
    assert rows.count() == len(report.statements) and page.locator("#shown").inner_text() == f"{len(report.statements)} shown"
    all_marks = marks.count()
    page.locator("[name=stance][value=neutral]").uncheck()
    kept = sum(statement.prediction.label != "neutral" for statement in report.statements)
    assert page.locator("tbody tr[data-n]:visible").count() == kept and page.locator("#shown").inner_text() == f"{kept} shown"
    assert marks.count() < all_marks
    page.locator("[name=stance][value=neutral]").check()
    name = report.speakers[0].name
    page.locator("[name=speaker]").select_option(name)
    assert page.locator("tbody tr[data-n]:visible").count() == report.speakers[0].n_statements
    assert set(page.locator("tbody tr[data-n]:visible td:nth-child(2)").all_text_contents()) == {name}


def test_the_keyboard_goes_through_the_statements_in_their_order_and_sees_what_a_mouse_sees(show, report):
    page = show(report.to_html())
    page.locator("summary").focus()
    notes = []
    for _ in report.statements:
        page.keyboard.press("Tab")
        notes.append(page.locator("#card").inner_text())
    assert [int(note.partition(".")[0]) for note in notes] == list(range(1, len(report.statements) + 1))
    assert str(report.statements[0].quote.speaker) in notes[0] and report.statements[0].quote.kind in notes[0]
    page.keyboard.press("Escape")
    assert page.locator("#card").is_hidden()
    page.locator("article mark").first.hover()
    assert page.locator("#card").inner_text() == notes[0]


def test_what_is_filtered_out_is_no_stop_of_the_keyboard(show, report):
    page = show(report.to_html())
    for box in page.locator("[name=stance]").all():  # one for each stance that occurs
        box.uncheck()
    assert page.locator("article mark[tabindex='0']").count() == 0 and page.locator("#shown").inner_text() == "0 shown"


@pytest.mark.parametrize(("scheme", "width"), [("light", 360), ("dark", 360), ("light", 1200)])
def test_it_reads_on_a_phone_in_light_and_dark(browser, tmp_path, report, scheme, width):
    path = tmp_path / "page.html"
    path.write_text(report.to_html(), encoding="utf-8")
    page = browser.new_page(viewport={"width": width, "height": 740}, color_scheme=scheme)
    page.goto(path.as_uri())
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    dark = page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(22, 22, 22)"
    assert dark == (scheme == "dark")
    page.close()


def test_an_article_made_of_markup_is_text(show):
    text = "\"<script>document.title = 'gone'</script> we will talk,\" said <img src=x onerror=\"document.title='gone'\"> Ann Bray."
    text += '\n\n"</mark></article>We will go," she said.'
    page = show(stance.analyze(text).to_html())
    assert page.locator("article").evaluate("node => node.querySelectorAll('script, img, article').length") == 0
    assert page.title() == "Article"
    assert page.locator("article").evaluate("node => node.textContent") == text


def test_a_long_article_opens_at_once(show, report):
    def moved(statement, by):
        parts = tuple(replace(part, start=part.start + by, end=part.end + by) for part in statement.quote.parts)
        return replace(statement, quote=replace(statement.quote, parts=parts))

    text, n = report.text + "\n\n", 1_000_000 // len(report.text) + 1
    statements = tuple(moved(statement, i * len(text)) for i in range(n) for statement in report.statements)
    page = replace(report, text=text * n, statements=statements, speakers=summarize_speakers(statements)).to_html()
    assert len(text * n) >= 1_000_000 and len(page.encode()) < 3_000_000
    seconds = []
    for _ in range(3):  # the machine may be busy
        started = time.perf_counter()
        show(page).locator("#shown").inner_text()
        seconds.append(time.perf_counter() - started)
    assert min(seconds) < 2


def test_the_page_of_many_articles_filters_by_its_counts_and_sorts(show, report):
    reports = [replace(report, source="a", outlet="Herald", date="2026-01-03"), replace(report, source="b", outlet="Post", date="2026-02-03")]
    page = show(corpus_page(reports, "Lake"))
    rows = page.locator("#rows tbody tr:visible")
    assert rows.count() == 2 * len(report.statements)
    page.locator("a[data-by=outlet][data-group=Herald]:not([data-label])").click()
    assert rows.count() == len(report.statements) and set(page.locator("#rows tbody tr:visible td:nth-child(2)").all_inner_texts()) == {"Herald"}
    page.locator("#every").click()
    assert rows.count() == 2 * len(report.statements)
    head = page.locator("#rows th", has_text="speaker").locator("button")
    head.click()
    names = page.locator("#rows tbody tr td:nth-child(4)").all_inner_texts()
    assert names == sorted(names, key=str.casefold)
    head.click()
    assert page.locator("#rows tbody tr td:nth-child(4)").all_inner_texts()[0] == sorted(names, key=str.casefold)[-1]


def test_an_overlapped_stretch_shows_the_statement_that_is_left(show, report):
    outer, inner = report.statements[0], report.statements[-1]
    part = outer.quote.parts[0]
    inner = replace(inner, quote=replace(inner.quote, parts=(replace(part, start=part.start + 4, text=part.text[4:]),)))
    inner = replace(inner, prediction=replace(outer.prediction, label="oppose" if outer.prediction.label != "oppose" else "support"))
    page = show(replace(report, statements=(outer, inner), speakers=summarize_speakers((outer, inner))).to_html())
    both = page.locator("article mark[data-all='1 2']")
    assert outer.prediction.label in both.get_attribute("class")
    page.locator(f"[name=stance][value={outer.prediction.label}]").uncheck()
    assert inner.prediction.label in both.get_attribute("class") and outer.prediction.label not in both.get_attribute("class")
