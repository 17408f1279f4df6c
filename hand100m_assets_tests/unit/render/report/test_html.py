from __future__ import annotations

import base64
from html.parser import HTMLParser

from hypothesis import given
from hypothesis import strategies as st

from hand100m_assets.render.report import html as page

hostile = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=30) | st.sampled_from(
    ["<script>alert(1)</script>", '"><img src=http://evil/x>', "'&<>\"", "</title><svg onload=x>", "{{x}}"]
)


class Seen(HTMLParser):
    """Tags, addresses and text of a document."""

    def __init__(self, document):
        super().__init__()
        self.tags, self.addresses, self.text, self.open = [], [], [], []
        self.feed(document)

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        self.addresses += [value for name, value in attributes if name in ("src", "href", "srcset", "action")]
        assert not [name for name, _ in attributes if name.startswith("on")]

    def handle_data(self, data):
        self.text.append(data)


@given(hostile, hostile)
def test_no_text_becomes_a_tag_or_an_address(text, other):
    body = [
        page.heading(text, other),
        page.figures([(text, other, "wrong")]),
        page.section(
            text,
            [
                page.paragraph(other),
                page.table([text], [(other,)]),
                page.bars({text: 3, other: 0}, {}),
                page.picture(b"x", "image/png", text, other),
            ],
        ),
    ]
    seen = Seen(page.html_page(text, body))
    assert "script" not in seen.tags
    assert seen.tags.count("img") == 1
    assert seen.addresses == ["data:,", f"data:image/png;base64,{base64.b64encode(b'x').decode()}"]
    assert text in "".join(seen.text)


def test_a_part_is_html_and_any_other_text_is_escaped():
    parts = [page.paragraph("3 < 5"), "<b>bold</b>"]
    for holder in (page.section("t", parts), page.side_by_side(parts), page.html_page("t", parts)):
        assert "<p>3 &lt; 5</p>" in holder
        assert "&lt;b&gt;bold&lt;/b&gt;" in holder and "<b>bold" not in holder


def test_the_page_forbids_every_request_and_knows_both_tastes():
    document = page.html_page("t", [])
    assert "default-src 'none'; img-src data:; style-src 'unsafe-inline'" in document
    assert "prefers-color-scheme: dark" in document
    assert "http:" not in document and "https:" not in document and "url(" not in document


def test_numbers_stand_right_with_separators_and_nothing_is_blank():
    table = page.table(["name", "count"], [("a", 12345), ("b", 7)])
    assert '<td class="number">12,345</td>' in table
    assert '<th class="number">count</th>' in table
    mixed = page.table(["count"], [(12345,), ("x",), (None,)])
    assert "<td>12,345</td>" in mixed and "<td></td>" in mixed and "number" not in mixed


def test_bars_are_as_long_as_their_share_of_the_largest():
    bars = page.bars({"on disk": 30, "video missing": 10, "none": 0}, {"on disk": "good"})
    assert 'class="bar good" style="width: 100.00%"' in bars
    assert 'class="bar wrong" style="width: 33.33%"' in bars
    assert "75.0%" in bars and "25.0%" in bars and "0.0%" in bars
    assert page.bars({}, {}) == '<div class="scroll"><table></table></div>'
