"""Extractive summaries: the sentences of a document that say most of its summary."""

from collections.abc import Mapping, Sequence

from rouge_score.rouge_scorer import RougeScorer
from rouge_score.tokenizers import DefaultTokenizer

from maskpolicy.corpora.sentences import sentencizer
from maskpolicy.errors import ArtefactError
from maskpolicy.json_files import read_json_lines
from maskpolicy.sources.base import Example, file_stem, files_at

MOST_SENTENCES = 3
"""Sentences of an extractive summary, at most: what news summaries are cut to since Lead-3."""


def extractive_oracle(
    sentences: Sequence[str], summary: str, most: int = MOST_SENTENCES
) -> list[int]:
    """The sentences, at most `most`, that together score best against the summary: indices, sorted.

    Greedy, as Nallapati et al. 2017 (SummaRuNNer): the sentence that adds most to the sum of
    ROUGE-1 and ROUGE-2 F1 is taken, until none adds anything. Ties go to the earlier sentence.
    """
    tokenizer = DefaultTokenizer(use_stemmer=True)
    scorer = RougeScorer(["rouge1", "rouge2"], tokenizer=_Tokenized())
    reference = tokenizer.tokenize(summary)
    words = [tokenizer.tokenize(sentence) for sentence in sentences]
    chosen: list[int] = []
    best = 0.0
    while len(chosen) < most:
        score, candidate = 0.0, None
        for i in range(len(words)):
            if i in chosen:
                continue
            together = [word for k in sorted([*chosen, i]) for word in words[k]]
            rouge = scorer.score(reference, together)
            total = rouge["rouge1"].fmeasure + rouge["rouge2"].fmeasure
            if total > score:
                score, candidate = total, i
        if candidate is None or score <= best:
            break
        chosen.append(candidate)
        best = score
    return sorted(chosen)


class _Tokenized:
    """Takes words for text, so that a sentence is stemmed once, not once a candidate."""

    def tokenize(self, words: list[str]) -> list[str]:
        return words


def read_oracle(path: str) -> dict[str, list[int]]:
    """Given extractive summaries, of a file or a pattern: example id -> sentence numbers, from 0.

    The format of MatchSum (Zhong et al. 2020): a JSON object {"sent_id": [...]} a line. An "id"
    names the example; without one the file's name and the line do, as they name the examples of the
    source `bertsum`: line 7 of train.jsonl is of the example train-7. Raises ArtefactError naming
    the line.
    """
    oracle: dict[str, list[int]] = {}
    for file in files_at(path):
        for line in read_json_lines(file):
            sentences = line.fields.get("sent_id")
            if not isinstance(sentences, list) or not all(
                type(i) is int and i >= 0 for i in sentences
            ):
                raise line.wrong("'sent_id' is not a list of sentence numbers")
            if len(set(sentences)) < len(sentences):
                raise line.wrong(f"'sent_id' names a sentence twice: {sentences}")
            name = line.name("id") if "id" in line.fields else f"{file_stem(file)}-{line.number}"
            if name in oracle:
                raise line.wrong(f"a second line for the example {name!r}")
            oracle[name] = sentences
    return oracle


def oracle_sentences(example: Example, oracle: Mapping[str, list[int]] | None) -> list[str]:
    """The sentences of an example's context that its target, a summary, is extracted from.

    A given `oracle` numbers the lines of the context: sentences in articles of the source
    `bertsum`, paragraphs in those of `cnn-dm`; an example that is not in it has none. Without one,
    the sentences are those of spaCy's sentencizer, and :func:`extractive_oracle` chooses.
    """
    if oracle is None:
        sentences = [sentence.text.strip() for sentence in sentencizer()(example.context).sents]
        return [sentences[i] for i in extractive_oracle(sentences, example.target)]
    lines = example.context.split("\n")
    given = oracle.get(example.id, [])
    if given and max(given) >= len(lines):
        raise ArtefactError(
            f"the oracle of example {example.id!r} names sentence {max(given)},"
            f" but the context has {len(lines)} lines"
        )
    return [lines[i] for i in given if lines[i].strip()]
