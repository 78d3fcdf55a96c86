"""Mark-up made text: what is read, and what is left out without a trace."""

import re
from contextlib import suppress
from time import process_time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from maskpolicy.sources.mediawiki.markup import UnreadableMarkup, _without_notes, plain_text

KENYA = """{{Infobox country|name=Kenya|capital=[[Nairobi]]}}
[[File:Flag of Kenya.svg|thumb|The ''flag'' of [[Kenya]]]]
'''Kenya''' ({{IPA|ˈkɛnjə}}; {{lang|sw|Jamhuri}}) is a [[country]] in [[East Africa|the east]] of
Africa.<ref>A book.</ref><!-- sic --> It is {{convert|580000|km2}}&nbsp;large.<ref name="b" />

== History ==

=== Colony ===
In 1895{{ndash}}1920 it was a [http://a.org protectorate] [http://b.org].

{| class="wikitable"
! Year !! People
|-
| 1963 || 8
|}
* [[Nairobi]]
* Mombasa

=== Republic ===
* 1963
== See also ==
[[Category:Countries]]
[[fr:Kenya]]
"""


def test_a_page_becomes_its_paragraphs_and_headings():
    assert plain_text(KENYA).split("\n") == [
        "Kenya (Jamhuri) is a country in the east of Africa. It is 580000 km2 large.",
        "History.",
        "Colony.",
        "In 1895–1920 it was a protectorate.",
    ]


@pytest.mark.parametrize(
    ("markup", "text"),
    [
        ("a '''''bold''''' word", "a bold word"),
        ("[[:Category:Towns|towns]], [[:fr:Ville]]", "towns, fr:Ville"),
        ("[[Town#History|history]] of [[towns]]hip", "history of township"),
        ("A (; born 5 May) and B () of {{x}}, C.", "A (born 5 May) and B of, C."),
        ("H<sub>2</sub>O is<br/>wet <nowiki>''x</nowiki>", "H2O is\nwet x"),
        ("e<math>a < b</math> f<gallery>A.png|b</gallery>", "e f"),
        ("x < y &amp; z &gt; 5 &#8212; &bogus;", "x < y & z > 5 — &bogus;"),
        ("__NOTOC__Text.{{reflist}}", "Text."),
        ("{{convert|5|-|6|km|mi}}, {{convert|3|ft}}, {{cvt|2|to|4|lb}}", "5–6 km, 3 ft, 2 to 4 lb"),
        ("{{As of|2010}}, {{circa|1500}} {{nowrap|a b}}{{nowrap}}", "As of 2010, c. 1500 a b"),
        ("{{frac|1|2}} {{lang|fr|mot}}{{mdash}}{{lang}}", "1/2 mot—"),
        (";term: meaning\n:quoted\n* item {{a|\nb}}\nText.", "Text."),
        ("One line\nand the next.\n\nAnother.", "One line and the next.\nAnother."),
        ("Text.\n code = 1\nMore.", "Text.\nMore."),
        ("{|\n| never closed\n|-\nText.", "Text."),
        ("== Is it? ==\nYes.\n== {{x}} ==\nNo.", "Is it?\nYes.\nNo."),
        ("a&#0;&#1;&#2;b", "a&#0;b"),
        ("a <ref>b <ref name='c'>d <!-- e", "a b d e"),
        ("", ""),
        ("()", ""),
    ],
)  # fmt: skip
def test_mark_up_is_read_as_a_reader_sees_it(markup, text):
    assert plain_text(markup).split("\n") == text.split("\n")


@pytest.mark.parametrize(
    "markup",
    ["{{" * 500, "[[" * 500, "{{a|" * 200, "{|\n" * 200, "<b>" * 200, "''" * 501, "[[a|{{b|" * 99],
)
def test_nesting_without_end_is_read_or_refused(markup):
    with suppress(UnreadableMarkup):
        plain_text(f"Text.\n\n{markup}")


@pytest.mark.parametrize("unclosed", ["<ref>", "<!--", "<REF name=a>x", "<math>a</ref>"])
def test_notes_that_are_never_closed_are_read_in_linear_time(unclosed):
    """Four times as many take four times the time, not sixteen times."""

    def seconds(number):
        started = process_time()
        assert plain_text(f"a {unclosed} " * number)
        return process_time() - started

    seconds(100)
    assert seconds(16_000) < 8 * seconds(4_000)


@settings(max_examples=300, deadline=None)
@given(st.lists(st.sampled_from(
    ["<ref>", "</ref>", "<REF a='/'/>", "<ref", "</Ref >", "<!--", "-->", "<references/>", "<math ",
     ">", "</math>", "/>", "x", "\n", "<gallery>", "</gallery\n>"]
), max_size=30).map("".join))  # fmt: skip
def test_notes_are_those_of_one_pattern(markup):
    name = r"<(ref|math|gallery|timeline)\b[^<>]*"
    notes = re.compile(
        rf"<!--.*?-->|{name}(?:(?<=/)>|>.*?</\1\s*>)|<!--|{name.replace('(', '(?:')}>",
        re.DOTALL | re.IGNORECASE,
    )
    expected = notes.sub(lambda note: "\2" if note[1] else "", markup)
    assert "".join(_without_notes(markup)) == expected


MARKUP = st.sampled_from(
    ["{{", "}}", "[[", "]]", "|", "{|", "|}", "\n", "==", "'''", "<ref>", "</ref>", "<b>", "</b>",
     "*", ":", ";", "<!--", "-->", "&lt;", "&#x;", "[http://a", "]", "<math>", "File:", "=", " ",
     "convert", "lang", "km", "word", "<br/>", "é", "{{{", "}}}", "<nowiki>", "\n|-\n", "\n! "]
)  # fmt: skip


@settings(max_examples=300, deadline=None)
@given(st.lists(MARKUP | st.text(max_size=3), max_size=40).map("".join))
def test_any_mark_up_gives_tidy_lines(markup):
    try:
        text = plain_text(markup)
    except UnreadableMarkup:
        return
    for line in text.split("\n") if text else []:
        assert line == " ".join(line.split())
        assert any(map(str.isalnum, line))
        assert not set(line) & set("\0\1\2")
