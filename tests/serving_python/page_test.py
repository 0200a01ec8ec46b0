"""The web page in a real browser. Skipped where there is no Chromium (Debian: apt-get install chromium-headless-shell).
With KANDINSKY_SCREENSHOTS=FOLDER it leaves pictures of what it saw."""
from __future__ import annotations

import os
import pathlib
from typing import Iterator

import pytest

import browser
import servers

pytestmark = pytest.mark.skipif(browser.PROGRAM is None, reason="there is no Chromium")
HEART = "красное сердце на синем фоне"
CARDS = "document.querySelectorAll('.card').length"
IDLE = "document.querySelector('#work').hidden && !document.querySelector('#draw').disabled"


@pytest.fixture(scope="module")
def chromium() -> Iterator[browser.Page]:
    with browser.page() as page:
        yield page


@pytest.fixture
def page(chromium: browser.Page, native: servers.Native) -> Iterator[browser.Page]:
    chromium.size(1280, 800)
    chromium.scheme("light")
    chromium.open(native.url)
    chromium.evaluate("(localStorage.clear(), sessionStorage.clear())")
    chromium.problems.clear()
    chromium.open(native.url + "/index.html")
    chromium.wait("!document.querySelector('#draw').disabled")
    yield chromium
    assert not chromium.problems


def shoot(page: browser.Page, name: str, whole: bool = False) -> None:
    if folder := os.environ.get("KANDINSKY_SCREENSHOTS"):
        page.screenshot(pathlib.Path(folder) / name, whole)


def draw(page: browser.Page, prompt: str = HEART, **fields: object) -> None:
    page.text("#query", prompt)
    for name, value in {"images": 2, "pick": 1, **fields}.items():
        page.text(f"#{name}", str(value))
    page.click("#draw")


def test_draws_with_progress_and_previews(page: browser.Page) -> None:
    page.evaluate("""(window.seen = { previews: 0, values: new Set() }, new MutationObserver(() => {
        seen.previews = Math.max(seen.previews, document.querySelectorAll('#previews img').length);
        seen.values.add(document.querySelector('#progress').value); }).observe(document.querySelector('#work'),
        { subtree: true, childList: true, attributes: true, characterData: true }), 0)""")
    draw(page, images=4, pick=2, seed=7)
    page.wait("document.querySelectorAll('#previews img').length")
    shoot(page, "working.png")
    page.wait(f"{CARDS} === 2 && {IDLE}")
    assert page.evaluate("seen.previews") == 4
    assert page.evaluate("seen.values.size") > 3
    facts = page.evaluate("[...document.querySelectorAll('.card')].map(c => [...c.querySelectorAll('dd')].map(d => d.textContent))")
    assert [fact[2] for fact in facts] == ["7", "7"]
    scores = [float(fact[0].replace(",", ".")) for fact in facts]
    assert scores == sorted(scores, reverse=True)
    assert page.evaluate("Promise.all([...document.querySelectorAll('.card img')].map(i => i.decode().then(() => i.naturalWidth)))") == [512, 512]
    assert page.evaluate("[...document.querySelectorAll('.card a')].map(a => a.download.replace(/-[0-9]+.jpg/, ''))") == ["kandinsky-7"] * 2
    assert "2" in page.evaluate("document.querySelector('#status').textContent")


def test_a_picture_opens_and_closes_by_keyboard(page: browser.Page) -> None:
    draw(page, seed=7)
    page.wait(f"{CARDS} === 1 && {IDLE}")
    page.evaluate("document.querySelector('.card .open').focus()")
    page.key("Enter")
    page.wait("document.querySelector('#viewer').open && document.querySelector('#viewer-image').naturalWidth === 512")
    page.key("Escape")
    page.wait("!document.querySelector('#viewer').open")
    assert page.evaluate("document.activeElement.className") == "open"


def test_goes_on_from_a_picture(page: browser.Page, tmp_path: pathlib.Path) -> None:
    draw(page, seed=7)
    page.wait(f"{CARDS} === 1 && {IDLE}")
    page.click(".card .buttons button")
    page.wait("!document.querySelector('#borders').disabled")
    draw(page, seed=8, up=8)
    page.wait(f"{CARDS} === 2 && {IDLE}")
    page.click("#more > summary")
    shoot(page, "image-prompt.png", whole=True)
    page.text("#up", "0")
    page.click("#draw")
    page.wait("!document.querySelector('#error').hidden")
    assert page.evaluate("document.activeElement.id") == "up"
    page.click("#remove")
    file = tmp_path / "no picture.txt"
    file.write_text("words")
    page.file("#file", file)
    page.wait("document.querySelector('#error').textContent === 'Этот файл не картинка.'")
    page.file("#file", servers.SOURCE / "docs" / "images" / "hearts.jpg")
    page.wait("!document.querySelector('#borders').disabled")


def test_cancels(page: browser.Page, native: servers.Native) -> None:
    def cancelled() -> float:
        return native.metrics().get('kandinsky_rejected_total{reason="cancelled"}', 0)

    before = cancelled()
    draw(page, images=64, pick=1)
    page.wait("document.querySelector('#progress').value > 0")
    page.click("#cancel")
    page.wait(f"document.querySelector('#status').textContent === 'Отменено.' && {IDLE}")
    assert page.evaluate(CARDS) == 0
    for _ in range(100):
        if cancelled() > before and native.metrics()["kandinsky_slots_active"] == 0:
            break
        page.evaluate("new Promise(done => setTimeout(done, 50))")
    assert cancelled() == before + 1
    assert native.metrics()["kandinsky_slots_active"] == 0


def test_wrong_input_is_shown_at_its_field(page: browser.Page) -> None:
    for prompt, field, value in (("", "query", None), (HEART, "images", "0"), (HEART, "images", "2.5"), (HEART, "pick", "3"),
                                 (HEART, "top_p", "2"), (HEART, "quality", ""), (HEART, "seed", "-1")):
        draw(page, prompt, **({} if value is None else {field: value}))
        page.wait("!document.querySelector('#error').hidden")
        assert page.evaluate("document.activeElement.id") == field
        assert page.evaluate("document.activeElement.getAttribute('aria-invalid')") == "true"
        good = {"images": "2", "pick": "1", "top_p": "0.9", "quality": "95", "seed": "7"}.get(field)
        if good:
            page.text(f"#{field}", good)
    assert page.evaluate(CARDS) == 0


def test_failures_of_the_server_are_shown(page: browser.Page) -> None:
    page.evaluate("document.querySelector('#quality').max = 200")
    draw(page, quality=150)
    page.wait("document.querySelector('#error').textContent.includes('params.quality')")
    page.problems.clear()  # the browser's own note of the 400


def test_both_languages_and_themes(page: browser.Page) -> None:
    draw(page, seed=7)
    page.wait(f"{CARDS} === 1 && {IDLE}")
    assert page.evaluate("document.documentElement.lang") == "ru"
    page.click("#language")
    assert page.evaluate("document.documentElement.lang") == "en"
    assert page.evaluate("document.querySelector('#draw').textContent") == "Draw"
    assert page.evaluate("/[а-яё]/i.test([...document.querySelectorAll('label, legend, summary, button:not(.example), dt')].map(e => e.textContent).join())") is False
    light = page.evaluate("getComputedStyle(document.body).backgroundColor")
    page.scheme("dark")
    page.wait(f"getComputedStyle(document.body).backgroundColor !== '{light}'")
    shoot(page, "dark.png")
    page.click("#theme")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == light


CONTRAST = """[...document.querySelectorAll('label, p, button, a, dt, dd, h1, h2, summary, span')].filter(e => e.offsetParent && e.textContent.trim() && !e.disabled && !e.closest(':disabled')).map(e => {
  const rgb = s => s.match(/[\\d.]+/g).map(Number);
  let box = e; while (box && (rgb(getComputedStyle(box).backgroundColor)[3] ?? 1) === 0) box = box.parentElement;
  const light = c => { const [r, g, b] = c.map(v => (v /= 255) <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4); return 0.2126 * r + 0.7152 * g + 0.0722 * b; };
  const [a, b] = [light(rgb(getComputedStyle(e).color)), light(rgb(getComputedStyle(box ?? document.body).backgroundColor))].sort((x, y) => y - x);
  return [(a + 0.05) / (b + 0.05), e.textContent.trim()];
}).filter(([ratio]) => ratio < 4.5)"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_is_accessible(page: browser.Page, scheme: str) -> None:
    page.scheme(scheme)
    page.wait(f"document.documentElement.dataset.theme === '{scheme}'")
    page.evaluate("document.querySelectorAll('details').forEach(d => d.open = true)")
    draw(page, seed=7)
    page.wait(f"{CARDS} === 1 && {IDLE}")
    assert page.evaluate(CONTRAST) == []
    assert page.evaluate("""[...document.querySelectorAll('input, select, textarea, button, canvas')].filter(e =>
        !(e.labels?.length || e.textContent.trim() || e.getAttribute('aria-label') || e.querySelector('img[alt]'))).map(e => e.id)""") == []
    assert page.evaluate("[...document.querySelectorAll('img')].filter(i => !i.hasAttribute('alt')).length") == 0
    page.evaluate("document.activeElement.blur()")
    reached = set()
    for _ in range(45):
        page.key("Tab")
        reached.add(page.evaluate("document.activeElement.id || document.activeElement.className || document.activeElement.tagName"))
    assert reached >= {"language", "theme", "query", "example", "images", "pick", "super_resolution", "top_k", "seed", "file", "draw", "open"}


def test_fits_a_phone(page: browser.Page) -> None:
    page.size(360, 740, phone=True)
    page.evaluate("document.querySelectorAll('details').forEach(d => d.open = true)")
    draw(page, images=4, pick=2, seed=7)
    page.wait("document.querySelectorAll('#previews img').length")
    shoot(page, "phone-working.png")
    page.wait(f"{CARDS} === 2 && {IDLE}")
    shoot(page, "phone.png", whole=True)
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    assert page.evaluate("""[...document.querySelectorAll('main button, main input, main select, main .button, header button')].filter(e =>
        e.offsetParent && !e.matches('.example, .visually-hidden, [type=checkbox]') && e.getBoundingClientRect().height < 38).map(e => e.id || e.textContent)""") == []


def test_asks_for_the_token(chromium: browser.Page, tmp_path: pathlib.Path) -> None:
    (tmp_path / "tokens").write_text("open-sesame\n")
    with servers.ready_native("--token-file", str(tmp_path / "tokens")) as server:
        chromium.open(server.url + "/index.html")
        chromium.wait("!document.querySelector('#token-field').hidden")
        chromium.text("#token", "open-sesame")
        chromium.wait("!document.querySelector('#draw').disabled && document.querySelector('#token-field').hidden")
        draw(chromium)
        chromium.wait(f"{CARDS} === 1 && {IDLE}")
        chromium.problems.clear()  # the browser's own notes of the 401
