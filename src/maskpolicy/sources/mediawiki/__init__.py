"""Wikipedia and other wikis as XML dumps of MediaWiki (pages-articles), mark-up made text."""

from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from maskpolicy.sources import base

LICENCE = "CC BY-SA (Wikipedia: 4.0, before June 2023 3.0); see https://dumps.wikimedia.org"
CITATION = "Wikimedia Foundation, Wikimedia Downloads"


class Documents(base.DocumentFiles):
    """The articles of a dump in one file (.xml, .xml.bz2) or, by a pattern, in several.

    Templates are not expanded, so what they would show is not in the text.
    """

    source: Literal["mediawiki"]

    def read(self, path: Path) -> Iterator[base.Document]:
        """The articles of a file, in its order, as :func:`plain_text` has them.

        Pages that are no articles are counted and left out: redirects, those outside of the main
        namespace (0), or of another model than wikitext; articles without any text, too.
        """
        from maskpolicy.sources.mediawiki.dump import read_pages
        from maskpolicy.sources.mediawiki.markup import UnreadableMarkup, plain_text

        with base.skipping(path, "page") as skip:
            for page in read_pages(path):
                if reason := page.no_article:
                    skip(reason)
                    continue
                try:
                    text = plain_text(page.markup, page.unshown)
                except UnreadableMarkup:
                    skip("of mark-up that is nested too deeply")
                    continue
                if text:
                    yield base.Document(page.title, text)
                else:
                    skip("without text")
