"""The same noise as fairseq's denoising task and transformers' collator, on the same tokens."""

import numpy as np
import pytest
import torch
from support.heuristic_cases import SPECS, per_row

from maskpolicy.corpora.shards import TokenBatch
from maskpolicy.decisions.base import Address
from maskpolicy.policies import specs
from maskpolicy.policies.infilling import TextInfilling
from maskpolicy.policies.random_units import RandomUnits

ROWS, LENGTH = 1000, 100
MASK = -1
RATE = 0.25  # exact in single precision, in which fairseq rounds the budget up


@pytest.fixture(scope="module")
def rows():
    """Rows without repetition, so that what was removed can be told; even ids begin words."""
    random = np.random.default_rng(0)
    rows = [random.permutation(LENGTH + 50)[:LENGTH] for _ in range(ROWS)]
    return [np.concatenate([[1000], row[row != 1000]])[:LENGTH].tolist() for row in rows]


def begins_word(token):
    return token % 3 != 0


def noise_of(sources, rows):
    """Mask rate, lengths of what each run of <mask> stands for, and share of empty runs' masks."""
    removed, empty, masks = [], 0, 0
    for source, row in zip(sources, rows, strict=True):
        place = {token: i for i, token in enumerate(row)}
        at, run = 0, 0
        for token in [*source, None]:
            if token == MASK:
                run += 1
                continue
            here = len(row) if token is None else place[token]
            if run:
                removed.append(here - at)
                masks += run
                empty += run if here == at else 0
            assert run or here == at
            at, run = here + 1, 0
    removed = np.array(removed)
    rate = removed.sum() / (len(rows) * LENGTH)
    return (
        rate,
        np.bincount(removed[removed > 0], minlength=60)[:60],
        empty / masks,
        masks / len(rows),
    )


def own_sources(rows, unit):
    batch = TokenBatch.from_lists(
        rows, word_start=[[i == 0 or begins_word(t) for i, t in enumerate(row)] for row in rows]
    )
    spec = specs.OrigInfill(kind="orig-infill", rate=RATE, unit=unit)
    decisions = TextInfilling(spec).decide(batch, Address(0, "corpus", "orig-infill", 0))
    sources = []
    for row, mask, insertions in zip(
        rows, per_row(batch, decisions.mask), per_row(batch, decisions.insertions), strict=True
    ):
        source, inside = [], False
        for token, masked, inserted in zip(row, mask, insertions, strict=True):
            if inserted and not (masked and inside):
                source.append(MASK)
            if masked and (inserted or not inside):
                source.append(MASK)
            if not masked:
                source.append(token)
            inside = masked
        sources.append(source)
    return sources


def fairseq_sources(rows, unit):
    data = pytest.importorskip("fairseq.data")
    dictionary = data.Dictionary()
    first = dictionary.add_symbol("0")
    for token in range(1, 1001):
        dictionary.add_symbol(str(token))
    mask = dictionary.add_symbol("<mask>")
    starts = torch.zeros(len(dictionary), dtype=torch.uint8)
    for token in range(1001):
        starts[first + token] = begins_word(token) or unit == "token"
    bos, eos = dictionary.bos(), dictionary.eos()
    tokens = [torch.tensor([bos, *(first + token for token in row), eos]) for row in rows]
    noised = data.DenoisingDataset(
        tokens,
        [len(row) for row in tokens],
        dictionary,
        mask,
        starts,
        shuffle=False,
        seed=1,
        mask=RATE,
        mask_random=0.0,
        insert=0.0,
        rotate=0.0,
        permute_sentences=0.0,
        bpe="none",
        replace_length=1,
        mask_length="span-poisson",
        poisson_lambda=3.0,
    )
    torch.manual_seed(0)
    for index in range(len(rows)):
        source = noised[index]["source"][1:-1].tolist()
        yield [MASK if token == mask else token - first for token in source]


@pytest.mark.parametrize("unit", ["word", "token"])
def test_text_infilling_is_distributed_as_fairseq_s(rows, unit):
    rate, lengths, empty, masks = noise_of(own_sources(rows, unit), rows)
    their = noise_of(fairseq_sources(rows, unit), rows)
    assert rate == pytest.approx(their[0], abs=0.004)
    assert empty == pytest.approx(their[2], abs=0.012)
    assert masks == pytest.approx(their[3], rel=0.03)
    distance = np.abs(lengths / lengths.sum() - their[1] / their[1].sum()).sum() / 2
    assert distance < 0.04


def test_rand_masks_as_many_tokens_as_transformers_collator():
    from tokenizers import Tokenizer
    from tokenizers.models import WordLevel
    from transformers import DataCollatorForLanguageModeling, PreTrainedTokenizerFast

    words = {"[PAD]": 0, "[MASK]": 1, "[UNK]": 2} | {str(i): i for i in range(3, 200)}
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=Tokenizer(WordLevel(words, unk_token="[UNK]")),
        pad_token="[PAD]",
        mask_token="[MASK]",
    )
    rows = np.random.default_rng(0).integers(3, 200, (ROWS, LENGTH)).tolist()
    torch.manual_seed(0)
    collator = DataCollatorForLanguageModeling(tokenizer, mlm_probability=0.15)
    labels = collator([{"input_ids": row} for row in rows])["labels"]
    theirs = float((labels != -100).float().mean())
    policy = RandomUnits(specs.RandomTokens(kind="rand", rate=0.15))
    own = policy.decide(TokenBatch.from_lists(rows), Address(0, "corpus", "rand", 0)).mask.mean()
    assert own == 0.15  # theirs is 0.15 on average: each token is masked independently
    assert theirs == pytest.approx(own, abs=4 * np.sqrt(0.15 * 0.85 / (ROWS * LENGTH)))


def test_gap_sentences_are_those_with_the_best_rouge():
    """`rouge_score` counts as PEGASUS's "original" does: clipped."""
    from rouge_score.rouge_scorer import RougeScorer

    from maskpolicy.policies.sentences import GapSentences

    score = RougeScorer(["rouge1"]).score
    random = np.random.default_rng(3)
    rows, flags = [], []
    for _ in range(30):
        sizes = random.integers(3, 9, 5)
        rows.append(random.integers(10, 25, sizes.sum()).tolist())
        flags.append([i == 0 for n in sizes for i in range(n)])
    batch = TokenBatch.from_lists(rows, sentence_start=flags)

    def f1(row, sentence_of, chosen):
        inside = " ".join(str(t) for t, s in zip(row, sentence_of, strict=True) if s in chosen)
        outside = " ".join(str(t) for t, s in zip(row, sentence_of, strict=True) if s not in chosen)
        return score(outside, inside)["rouge1"].fmeasure

    spec = SPECS["gap-sentences"].model_copy(update={"rate": 0.4})  # two of five
    for selection in ("independent", "sequential"):
        policy = GapSentences(spec.model_copy(update={"selection": selection}))
        masks = per_row(batch, policy.decide(batch, Address(0, "corpus", "gap", 0)).mask)
        for row, starts, mask in zip(rows, flags, masks, strict=True):
            sentence_of = np.cumsum(starts) - 1
            chosen = set(sentence_of[mask].tolist())
            assert len(chosen) == 2
            others = set(range(5)) - chosen
            alone = [round(f1(row, sentence_of, {s}), 9) for s in range(5)]
            if selection == "independent":
                assert min(alone[s] for s in chosen) >= max(alone[s] for s in others)
            else:
                best = max(s for s in range(5) if alone[s] == max(alone))
                assert best in chosen
                pairs = {
                    s: round(f1(row, sentence_of, {best, s}), 9) for s in range(5) if s != best
                }
                (second,) = chosen - {best}
                assert pairs[second] == max(pairs.values())
