"""Markdown on the chat page, in a real browser."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.server.browser import CHROMIUM, PATIENCE_MS, Profiles
from tests.server.live import LiveServer

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not CHROMIUM.exists(), reason=f"{CHROMIUM} is not installed"),
]

expect.set_options(timeout=PATIENCE_MS)

RUN = "window.attacked = true"
ATTACKS = [
    f"<script>{RUN}</script>",
    f'<img src=x onerror="{RUN}">',
    f'a <img src="x" onerror="{RUN}"> b',
    f"<svg onload='{RUN}'></svg>",
    f'<iframe srcdoc="<script>parent.{RUN}</script>"></iframe>',
    f"<math><mtext><table><mglyph><style><img src=x onerror='{RUN}'></style></table></math>",
    f"<details open ontoggle='{RUN}'>x</details>",
    f"[x](javascript:{RUN})",
    f"[x](JaVaScRiPt:{RUN})",
    f"[x](java&#x09;script:{RUN})",
    f"[x](&#106;avascript:{RUN})",
    f"[x](data:text/html,<script>{RUN}</script>)",
    f"[x](vbscript:{RUN})",
    f"<javascript:{RUN}>",
    f"[x][ref]\n\n[ref]: javascript:{RUN}",
    f'[x](https://example.org"onmouseover="{RUN})',
    f'![x](x"onerror="{RUN})',
    f"![x](javascript:{RUN})",
    f'```"><img/src=x/onerror="{RUN}">\ncode\n```',
    f"```html\n</code></pre><img src=x onerror='{RUN}'>\n```",
    f"`<img src=x onerror='{RUN}'>`",
    f"| <img src=x onerror='{RUN}'> | b |\n|--|--|\n| [x](javascript:{RUN}) | c |",
    "<form action=/x><button>go</button></form><style>body{display:none}</style>",
    "[x](/admin) [y](#key=lk-x) [z](//example.org)",
]


@pytest.fixture(scope="module")
def page(profiles: Profiles, live: LiveServer) -> Iterator[Page]:
    """The chat page; nobody is signed in."""
    with profiles.page(live.url) as opened:
        opened.goto("/")
        expect(opened.get_by_label("Key", exact=True)).to_be_visible()
        opened.evaluate("document.querySelector('dialog').close()")
        yield opened


def drawn(page: Page, text: str) -> Locator:
    """The elements of this text, as a reply on the page has them."""
    page.evaluate(
        """async (text) => {
            const { renderMarkdown } = await import("/web/text/markdown.js");
            const element = document.createElement("div");
            element.className = "text";
            element.append(...renderMarkdown(text));
            document.getElementById("thread").replaceChildren(element);
        }""",
        text,
    )
    return page.locator("#thread .text")


@pytest.mark.parametrize("attack", ATTACKS)
def test_a_reply_cannot_run_code_load_a_file_or_link_into_the_site(page: Page, attack: str) -> None:
    text = drawn(page, f"{attack}\n\nThe **end**.")
    expect(text.locator("strong")).to_have_text("end")
    assert page.evaluate("window.attacked") is None
    inside = "img, script, style, iframe, form, input, svg:not(button svg), math, details"
    assert text.locator(inside).count() == 0
    addresses = text.locator("a").evaluate_all("all => all.map(each => each.href)")
    assert all(each.startswith("https://example.org") for each in addresses)
    attributes = text.evaluate(
        "node => [...node.querySelectorAll('*')].flatMap(each => each.getAttributeNames())"
    )
    assert [name for name in attributes if name.startswith("on") or name in ("style", "id")] == []


def test_html_in_a_reply_is_shown_as_text(page: Page) -> None:
    text = drawn(page, "A <b>word</b>.\n\n<div>\nblock\n</div>")
    expect(text.locator("p")).to_have_text(
        ["A <b>word</b>.", re.compile("<div>\\s*block\\s*</div>")]
    )
    assert text.locator("b, div").count() == 0


def test_a_table_has_its_cells_and_their_alignment(page: Page) -> None:
    text = drawn(page, "| Fruit | Price |\n|---|---:|\n| *Apple* | 1.20 |\n| one<br>two | 2 |")
    expect(text.locator("th")).to_have_text(["Fruit", "Price"])
    expect(text.locator("td em")).to_have_text("Apple")
    assert text.locator("td br").count() == 1
    expect(text.locator("td").nth(1)).to_have_css("text-align", "end")


def test_lists_are_nested(page: Page) -> None:
    text = drawn(page, "- rice\n  - rinse\n  - rest\n- eggs")
    expect(text.locator("ul ul > li")).to_have_text(["rinse", "rest"])


def test_tasks_rules_and_strike_through_are_drawn(page: Page) -> None:
    text = drawn(page, "- [x] done\n- [ ] open\n\n---\n\n~~gone~~")
    expect(text.locator("li")).to_have_text(["☑ done", "☐ open"])
    expect(text.locator("hr")).to_have_count(1)
    expect(text.locator("del")).to_have_text("gone")


def test_a_bare_link_opens_elsewhere_and_safely(page: Page) -> None:
    link = drawn(page, "See https://example.org/a?b=c.").locator("a")
    expect(link).to_have_attribute("href", "https://example.org/a?b=c")
    expect(link).to_have_attribute("target", "_blank")
    expect(link).to_have_attribute("rel", "noopener noreferrer nofollow")


def test_a_picture_is_a_link_and_is_not_loaded(page: Page) -> None:
    text = drawn(page, "![a cat](https://example.org/cat.png)")
    expect(text.get_by_role("link", name="a cat")).to_be_visible()
    assert text.locator("img").count() == 0


def test_code_has_its_language_its_colours_and_a_copy_button(page: Page) -> None:
    text = drawn(page, '```py\nprint("<b>")  # say\n```')
    expect(text.locator("figcaption")).to_contain_text("py")
    expect(text.locator(".hljs-comment")).to_have_text("# say")
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    text.get_by_role("button", name="Copy the code").click()
    expect(page.get_by_text("Copied.")).to_be_visible()
    assert page.evaluate("navigator.clipboard.readText()") == 'print("<b>")  # say'


@pytest.mark.parametrize(
    "language",
    ["bash", "cpp", "css", "go", "java", "js", "json", "python", "rust", "sql", "ts", "html"],
)
def test_a_language_is_coloured(page: Page, language: str) -> None:
    code = '<p class="a">1</p> /* a */ { "x": 1 } SELECT 1; if (x) { return "a"; }'
    text = drawn(page, f"```{language}\n{code}\n```")
    expect(text.locator("code span").first).to_be_attached()
    expect(text.locator("code")).to_have_text(code)


def test_code_in_an_unknown_language_is_shown_without_colours(page: Page) -> None:
    text = drawn(page, "```brainloop\nx = 1\n```")
    expect(text.locator("figcaption")).to_contain_text("brainloop")
    expect(text.locator("code")).to_have_text("x = 1")


@pytest.mark.parametrize(
    ("text", "is_display"),
    [
        (r"It is $\frac{1}{2}$.", False),
        (r"It is \(\frac{1}{2}\).", False),
        (r"It is $$\frac{1}{2}$$", True),
        ("It is\n\n$$\n\\frac{1}{2}\n$$\n\nso.", True),
        ("It is\n\\[\n\\frac{1}\n- {2}\n\\]\nso.", True),
    ],
)
def test_a_formula_is_drawn(page: Page, text: str, is_display: bool) -> None:
    formula = drawn(page, text).locator("math")
    expect(formula.locator("mfrac")).to_have_count(1)
    assert (formula.get_attribute("display") == "block") is is_display
    expect(page.locator("#thread .text")).not_to_contain_text("frac")


@pytest.mark.parametrize(
    "text",
    [
        "It costs $5 and $10.",
        "From $5-$10, or US$5 and CA$6.",
        "Set $HOME and $PATH.",
        "`$x$`",
        "A lone $ and 3$ more",
        r"\$x\$",
    ],
)
def test_dollars_that_are_money_or_code_are_no_formula(page: Page, text: str) -> None:
    shown = drawn(page, f"{text}\n\nThe $y$ end.")
    expect(shown.locator("math")).to_have_text("y")
    expect(shown.locator("p").first).to_have_text(text.replace("`", "").replace("\\", ""))


def test_a_formula_that_is_not_understood_is_shown_as_it_was_written(page: Page) -> None:
    text = drawn(page, r"It is $\nonsense{x}$, and $y$.")
    expect(text.locator("math")).to_have_text("y")
    expect(text.locator("code.formula")).to_have_text(r"\nonsense{x}")


@pytest.mark.parametrize(
    "attack",
    [
        rf"\href{{javascript:{RUN}}}{{x}}",
        r"\htmlStyle{color:red}{x}",
        r"\htmlId{thread}{x}",
        r"\includegraphics{https://example.org/cat.png}",
        rf"\text{{<img src=x onerror='{RUN}'>}}",
        r"\def\a{\a\a}\a",
        r"\color{red}\colorbox{blue}{x} \rule{9999em}{9999em}",
    ],
)
def test_a_formula_cannot_run_code_or_load_a_file(page: Page, attack: str) -> None:
    text = drawn(page, f"${attack}$ and $y$")
    expect(text.locator("math").last).to_have_text("y")
    assert page.evaluate("window.attacked") is None
    assert text.locator("img, a, script, style, annotation").count() == 0
    attributes = text.locator("math, math *").evaluate_all(
        "all => all.flatMap(each => each.getAttributeNames())"
    )
    assert {"style", "href", "id", "class"}.isdisjoint(attributes)


def test_katex_is_loaded_only_for_a_formula(profiles: Profiles, live: LiveServer) -> None:
    with profiles.page(live.url) as fresh:
        asked: list[str] = []
        fresh.on("request", lambda request: asked.append(request.url))
        fresh.goto("/")
        fresh.evaluate("document.querySelector('dialog')?.close()")
        drawn(fresh, "It costs $5 and $10.")
        assert not any("katex" in url for url in asked)
        expect(drawn(fresh, "It is $x$.").locator("math")).to_have_count(1)
        assert any("katex" in url for url in asked)


def test_headings_do_not_skip_a_level(page: Page) -> None:
    text = drawn(page, "### A\n\n###### B\n\n# C")
    levels = text.locator("h1, h2, h3, h4, h5, h6").evaluate_all(
        "all => all.map(each => each.localName)"
    )
    assert levels == ["h2", "h3", "h2"]


def test_text_from_right_to_left_is_drawn_so(page: Page) -> None:
    text = drawn(page, "مرحبا بالعالم\n\n- واحد")
    expect(text.locator("p")).to_have_css("direction", "rtl")
    expect(text.locator("ul")).to_have_css("direction", "rtl")


def test_a_growing_text_is_drawn_as_the_whole_is(page: Page) -> None:
    whole, growing = page.evaluate(
        """async (text) => {
            const { GrowingMarkdown, renderMarkdown } = await import("/web/text/markdown.js");
            const [one, other] = [document.createElement("div"), document.createElement("div")];
            one.append(...renderMarkdown(text));
            const grow = new GrowingMarkdown(other);
            for (let end = 0; end <= text.length; end += 1) grow.show(text.slice(0, end));
            // Colours come later.
            const plain = (node) => {
                for (const code of node.querySelectorAll("code")) code.textContent += "";
                return node.innerHTML;
            };
            return [plain(one), plain(other)];
        }""",
        "# A\r\n\r\nOne\ntwo\n\n- a\n\n- b\n  - c\n\n> q\n\n| a |\n|-|\n| b |\n\n### B\n\n"
        "```js\nlet x;\n\nx = 1;\n```\n\n1. one\n\n   more\n2. two",
    )
    assert growing == whole


def test_a_growing_text_draws_its_finished_blocks_once(page: Page) -> None:
    redrawn = page.evaluate(
        """async () => {
            const { GrowingMarkdown } = await import("/web/text/markdown.js");
            const element = document.createElement("div");
            const grow = new GrowingMarkdown(element);
            const text = Array.from({ length: 60 }, (_, i) => `Paragraph ${i}.`).join("\\n\\n");
            const seen = new Set();
            for (let end = 0; end <= text.length; end += 1) {
                grow.show(text.slice(0, end));
                for (const node of element.children) seen.add(node);
            }
            return seen.size / text.length;
        }"""
    )
    assert redrawn < 4
