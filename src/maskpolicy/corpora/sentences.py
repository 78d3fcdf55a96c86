"""Where sentences begin: spaCy's rules of punctuation, the same wherever text is cut."""

from functools import cache

import spacy
from spacy.language import Language


@cache
def sentencizer() -> Language:
    """spaCy's tokenizer and rules of punctuation, which know abbreviations and need no model."""
    language = spacy.blank("en")
    language.add_pipe("sentencizer")
    language.max_length = 1 << 31  # the limit guards parsers, which take memory; there is none
    return language
