"""How answers are made comparable before they are compared."""

import re
import string

_PUNCTUATION = str.maketrans("", "", string.punctuation)
_ARTICLES = re.compile(r"\b(a|an|the)\b")


def normalise_answer(text: str) -> str:
    """Lower case, no ASCII punctuation, no articles, single spaces: in this order.

    The normalisation of SQuAD (Rajpurkar et al. 2016), which DPR and KILT score with too.
    """
    return " ".join(_ARTICLES.sub(" ", text.lower().translate(_PUNCTUATION)).split())


def normalise_label(text: str) -> str:
    """Case-folded with single spaces; articles and signs stay, for labels may differ in them."""
    return " ".join(text.casefold().split())
