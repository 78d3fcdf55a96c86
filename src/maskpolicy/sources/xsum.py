"""News and their first sentences: XSum (Narayan et al. 2018), a file an article, ids by split."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from maskpolicy.artefacts import read_json
from maskpolicy.errors import ArtefactError, counted
from maskpolicy.sources import base
from maskpolicy.text_files import read_lines

LICENCE = "unknown; see https://github.com/EdinburghNLP/XSum"
CITATION = "Narayan et al. 2018"

ENDINGS = (".summary", ".data")
SUMMARY, BODY = "FIRST-SENTENCE", "RESTBODY"

_SPLITS = {"train": "train", "dev": "validation", "test": "test"}
_ID = re.compile(r"[A-Za-z0-9_-]+")  # a name within the folder
_SECTION = re.compile(r"\[SN\](.+)\[SN\]")

_MENU = {
    *("Share this with", "Email", "Facebook", "Messenger", "Twitter", "Pinterest", "WhatsApp"),
    *("Linkedin", "LinkedIn", "Copy this link"),
    "These are external links and will open in a new window",
}
"""Lines of the pages' menus, which stand in the published files."""


class Seq2SeqExamples(base.Seq2SeqExamples):
    """An article without its first sentence, a line as in the file, and that sentence.

    The article is both context and source. Lines of the pages' menus are left out.
    """

    PATHS = ("folder", "split_ids")

    source: Literal["xsum"]
    folder: str  # of ID.summary or ID.data
    split_ids: str  # XSum-TRAINING-DEV-TEST-SPLIT-90-5-5.json

    def splits(self) -> dict[str, list[base.Example]]:
        """The three splits, of those articles that are there."""
        ids = _read_ids(Path(self.split_ids))
        return {split: list(self.read(ids[name], name)) for split, name in _SPLITS.items()}

    def read(self, ids: list[str], name: str) -> Iterator[base.Example]:
        """The articles of a split; those that are not there, or lack a part, are counted."""
        listed: set[str] = set()
        found = False
        with base.skipping(f"{self.split_ids}, {name}") as skip:
            for number in ids:
                if number in listed:
                    skip("listed before")
                    continue
                listed.add(number)
                files = (Path(self.folder) / f"{number}{ending}" for ending in ENDINGS)
                if (file := next(filter(Path.is_file, files), None)) is None:
                    skip("without a file")
                    continue
                found = True
                sections = _read_sections(file)
                body, summary = "\n".join(sections[BODY]), "\n".join(sections[SUMMARY])
                if not body:
                    skip("without a body")
                elif not summary:
                    skip("without a first sentence")
                else:
                    yield base.Example(number, body, body, summary, (summary,))
        if ids and not found:
            articles = counted(len(listed), f"{name} article")
            raise ArtefactError(f"{self.split_ids}: none of {articles} is in {self.folder}")


def _read_ids(path: Path) -> dict[str, list[str]]:
    """The ids of each split. Raises ArtefactError where one could leave the folder."""
    splits = read_json(path)
    if not isinstance(splits, dict):
        raise ArtefactError(f"{path}: an object of train, validation and test is expected")
    for name in _SPLITS.values():
        ids = splits.get(name)
        if not isinstance(ids, list):
            raise ArtefactError(f"{path}: {name!r} does not hold a list of ids")
        for number, value in enumerate(ids, start=1):
            if not isinstance(value, str) or not _ID.fullmatch(value):
                raise ArtefactError(f"{path}, {name} {number}: {value!r} is no id of an article")
    return splits


def _read_sections(path: Path) -> dict[str, list[str]]:
    """The lines of each section, without blank ones and those of menus."""
    sections: dict[str, list[str]] = {}
    lines: list[str] | None = None
    for number, line in read_lines(path):
        text = line.strip()
        if heading := _SECTION.fullmatch(text):
            if heading[1] in sections:
                raise ArtefactError(f"{path}, line {number}: a second {text}")
            lines = sections[heading[1]] = []
        elif text and text not in _MENU:
            if lines is None:
                raise ArtefactError(f"{path}, line {number}: text before the first [SN]…[SN]")
            lines.append(text)
    for name in (SUMMARY, BODY):
        if name not in sections:
            raise ArtefactError(f"{path}: no [SN]{name}[SN] in it")
    return sections
