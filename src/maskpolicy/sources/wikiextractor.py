"""What WikiExtractor makes of a dump of Wikipedia with --json: lines {id, url, title, text}."""

from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from maskpolicy.json_files import read_json_lines
from maskpolicy.sources import base

LICENCE = "CC BY-SA, as the Wikipedia that it was made of; see https://dumps.wikimedia.org"
CITATION = "Attardi 2015, WikiExtractor"


class Documents(base.DocumentFiles):
    """The articles of the files wiki_00, wiki_01, … of folders AA, AB, …: `path: text/*/wiki_*`."""

    source: Literal["wikiextractor"]

    def read(self, path: Path) -> Iterator[base.Document]:
        """Article after article, without the title that older versions begin texts with.

        Those without text, which newer versions make of redirects, are counted and left out.
        """
        with base.skipping(path, "page") as skip:
            for page in read_json_lines(path):
                title, text = page.filled("title"), page.text("text").strip()
                first, _, rest = text.partition("\n")
                text = rest.strip() if first.strip() == title else text
                if text:
                    yield base.Document(title, text)
                else:
                    skip("without text")
