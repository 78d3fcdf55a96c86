"""Extractive oracles: greedy by ROUGE, or given as MatchSum gives them."""

import json

import pytest
from rouge_score.rouge_scorer import RougeScorer

from maskpolicy.errors import ArtefactError
from maskpolicy.learning.supervised.oracle import extractive_oracle, oracle_sentences, read_oracle
from maskpolicy.sources.base import Example
from maskpolicy.sources.bertsum import Seq2SeqExamples

SENTENCES = [
    "The ferry left the harbour at noon.",
    "Nobody knew why the bells were ringing in the old town.",
    "A storm sank the ferry off the northern coast.",
    "Forty passengers were rescued by fishing boats.",
    "Tickets cost three pounds.",
]
SUMMARY = "A ferry sank in a storm. Fishing boats rescued forty passengers."


def rouge(sentences):
    scores = RougeScorer(["rouge1", "rouge2"], use_stemmer=True).score(SUMMARY, " ".join(sentences))
    return scores["rouge1"].fmeasure + scores["rouge2"].fmeasure


def test_sentences_are_added_while_rouge_grows():
    chosen = extractive_oracle(SENTENCES, SUMMARY)
    assert chosen == [2, 3]
    best = rouge([SENTENCES[i] for i in chosen])
    assert best == max(rouge([SENTENCES[i]] + [SENTENCES[3]] * (i != 3)) for i in range(5))
    assert all(rouge([*(SENTENCES[k] for k in chosen), SENTENCES[i]]) < best for i in (0, 1, 4))


def test_no_more_than_asked_for_are_chosen():
    assert extractive_oracle(SENTENCES, SUMMARY, most=1) == [3]
    assert max((rouge([s]), i) for i, s in enumerate(SENTENCES))[1] == 3


def test_ties_go_to_the_first_sentence():
    assert extractive_oracle(["same words", "same words"], "same words") == [0]


def test_a_summary_without_common_words_has_no_sentence():
    assert extractive_oracle(SENTENCES, "entirely unrelated") == []
    assert extractive_oracle([], SUMMARY) == []


def example(context):
    return Example("7", context, "", SUMMARY, (SUMMARY,))


def test_a_given_oracle_numbers_lines(tmp_path):
    path = tmp_path / "oracle.jsonl"
    lines = [{"sent_id": [0]}, {"sent_id": [2, 3], "id": "7"}]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    oracle = read_oracle(str(path))
    assert oracle == {"oracle-1": [0], "7": [2, 3]}
    assert oracle_sentences(example("\n".join(SENTENCES)), oracle) == SENTENCES[2:4]
    assert oracle_sentences(example("\n".join(SENTENCES)), {}) == []
    with pytest.raises(ArtefactError, match="sentence 3, but the context has 1 lines"):
        oracle_sentences(example(" ".join(SENTENCES)), oracle)


def test_without_one_the_sentences_are_found_by_punctuation():
    assert oracle_sentences(example(" ".join(SENTENCES)), None) == SENTENCES[2:4]


def test_lines_of_matchsum_are_of_the_examples_of_bertsum(tmp_path):
    """Also where a sentence has a character that Python takes for the end of a line, or is empty.

    The files of the indices are called as those of the articles.
    """
    articles = {"train": [["First.", "Se\u2028cond."], ["", "Only."]], "dev": [["D.", "E."]]}
    (tmp_path / "index").mkdir()
    for split, some in articles.items():
        rows = [json.dumps({"text": text, "summary": ["S."]}) for text in some]
        (tmp_path / f"{split}.jsonl").write_text("\n".join(rows))
        (tmp_path / "index" / f"{split}.jsonl").write_text('{"sent_id": [1]}\n' * len(some))
    files = {split: str(tmp_path / f"{split}.jsonl") for split in articles}
    splits = Seq2SeqExamples(source="bertsum", **files).splits()
    oracle = read_oracle(str(tmp_path / "index" / "*.jsonl"))
    chosen = {split: [oracle_sentences(e, oracle) for e in some] for split, some in splits.items()}
    assert chosen == {"train": [["Se cond."], ["Only."]], "dev": [["E."]]}


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ('{"ids": [1]}', "not a list of sentence numbers"),
        ('{"sent_id": 3}', "not a list"),
        ('{"sent_id": [-1]}', "not a list"),
        ('{"sent_id": [true]}', "not a list"),
        ('{"sent_id": [1.0]}', "not a list"),
        ('{"sent_id": ["1"]}', "not a list"),
        ('{"sent_id": [2, 2]}', r"names a sentence twice: \[2, 2\]"),
        ('{"sent_id": [1], "id": "oracle-1"}', "a second line for the example 'oracle-1'"),
        ('{"sent_id": [1], "id": [1]}', "'id' does not hold a string"),
    ],
)
def test_a_wrong_line_is_named(tmp_path, line, said):
    path = tmp_path / "oracle.jsonl"
    path.write_text('{"sent_id": [0]}\n' + line + "\n")
    with pytest.raises(ArtefactError, match=rf"oracle\.jsonl, line 2: .*{said}"):
        read_oracle(str(path))
