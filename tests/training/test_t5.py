"""A T5 with its own kind of tokenizer, end to end, from what is released to answers."""

import json

import pytest
import tokenizers
import torch
from support.training import finetune_once
from transformers import PreTrainedTokenizerFast, T5Config, T5ForConditionalGeneration

from maskpolicy.arrow_files import read_table
from maskpolicy.corpora.documents import write_documents
from maskpolicy.corpora.sharding import shard_corpus
from maskpolicy.corpora.tokenizer import import_tokenizer, load_tokenizer
from maskpolicy.corruption.objective import Objective
from maskpolicy.evaluation.predictions import NamedRun
from maskpolicy.evaluation.scoring import score_runs
from maskpolicy.evaluation.search import Setting
from maskpolicy.models.initialise import initialise_model
from maskpolicy.models.seq2seq import load_model
from maskpolicy.models.specs import Generation, Seq2SeqModel
from maskpolicy.policies.masking import ShardMasks, mask_shard
from maskpolicy.policies.specs import RandomTokens
from maskpolicy.sources.base import Document, Example
from maskpolicy.tasks.seq2seq import write_examples
from maskpolicy.training.finetune import FinetuneInputs
from maskpolicy.training.masked_data import MaskedBatches, MaskedCorpus
from maskpolicy.training.pretrain import pretrain
from maskpolicy.training.specs import Finetuning, Pretraining
from maskpolicy.training.trainers.base import PretrainingJob

TEXTS = [f"The capital of land {i} is town {i * 7 % 40}. It is green." for i in range(40)]
SENTINELS = [f"<extra_id_{i}>" for i in range(20)]
OBJECTIVE = Objective(source="sentinel", target="sentinel")
ROW = 24


@pytest.fixture(scope="module")
def released(tmp_path_factory):
    """A folder as a T5 is released: a SentencePiece-like Unigram tokenizer, whose sentinels come
    last, and a model with rows to spare in its vocabulary.
    """
    folder = tmp_path_factory.mktemp("t5") / "released"
    backend = tokenizers.Tokenizer(tokenizers.models.Unigram())
    backend.pre_tokenizer = tokenizers.pre_tokenizers.Metaspace()
    backend.decoder = tokenizers.decoders.Metaspace()
    trainer = tokenizers.trainers.UnigramTrainer(
        vocab_size=80, special_tokens=["<pad>", "</s>", "<unk>"], unk_token="<unk>"
    )
    backend.train_from_iterator([*TEXTS, "yes no"] * 5, trainer)
    backend.add_special_tokens(SENTINELS[::-1])  # T5's first sentinel has the highest id
    backend.post_processor = tokenizers.processors.TemplateProcessing(
        single="$A </s>", pair="$A </s> $B </s>", special_tokens=[("</s>", 1)]
    )
    PreTrainedTokenizerFast(
        tokenizer_object=backend, pad_token="<pad>", eos_token="</s>", unk_token="<unk>"
    ).save_pretrained(folder)
    config = T5Config(
        vocab_size=backend.get_vocab_size() + 7,
        **{"d_model": 32, "d_kv": 16, "d_ff": 64, "num_layers": 1, "num_heads": 2},
        **{"dropout_rate": 0.0, "pad_token_id": 0, "eos_token_id": 1, "decoder_start_token_id": 0},
    )
    torch.manual_seed(0)
    T5ForConditionalGeneration(config).save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def tokenizer_folder(released):
    import_tokenizer(str(released), released.parent / "tokenizer")
    return released.parent / "tokenizer"


@pytest.fixture(scope="module")
def initial(released, tokenizer_folder):
    model = Seq2SeqModel(tokenizer="t", pretrained=str(released))
    initialise_model(model, tokenizer_folder, 0, released.parent / "initial")
    return released.parent / "initial"


@pytest.fixture(scope="module")
def corpus(released, tokenizer_folder):
    """A token shard of the texts and its masks of two epochs."""
    folder = released.parent
    write_documents([Document("", text) for text in TEXTS], folder / "documents")
    shard = folder / "shard-0.arrow"
    shard_corpus(folder / "documents", tokenizer_folder, shard, sequence_length=ROW)
    masks = ShardMasks(shard, "corpus", "rand", 0, range(2), folder / "shard-0.masks.json")
    mask_shard(masks, RandomTokens(kind="rand", rate=0.2))
    decisions = [[file] for file in masks.decisions]
    return MaskedCorpus([shard], decisions, OBJECTIVE, tokenizer_folder, seed=0)


@pytest.fixture(scope="module")
def pretrained(released, initial, corpus):
    stage = Pretraining(corpus="c", mask_epochs=2, steps=60, batch_size=8, learning_rate=0.02)
    job = PretrainingJob(initial, corpus, copies=1, stage=stage, seed=0, title="t")
    output = released.parent / "pretrained"
    pretrain(job, released.parent / "state", output)
    return output


def test_its_tokenizer_has_no_bos_and_its_first_sentinel_is_the_mask(tokenizer_folder):
    tokenizer = load_tokenizer(tokenizer_folder)
    assert (tokenizer.bos, tokenizer.ends, tokenizer.separators) == (None, 1, 1)
    assert tokenizer.backend.id_to_token(tokenizer.mask) == "<extra_id_0>"
    assert "bos_token" not in json.loads((tokenizer_folder / "tokenizer_config.json").read_text())
    [ids] = tokenizer.encode(["The capital of land 3"], 30)
    assert ids[-1] == tokenizer.eos and tokenizer.decode(ids) == "The capital of land 3"
    [cut] = tokenizer.encode(["The capital of land 3"], 4)
    assert cut == [*ids[:3], tokenizer.eos]


def test_rows_show_sentinels_and_targets_follow_them(tokenizer_folder, corpus):
    tokenizer = load_tokenizer(tokenizer_folder)
    batches = MaskedBatches(corpus, copies=1, max_length=ROW + 1, batch_size=8)
    batch = next(iter(batches))
    texts = tokenizer.backend.decode_batch(batch.source.tolist(), skip_special_tokens=False)
    targets = tokenizer.backend.decode_batch(batch.target.tolist(), skip_special_tokens=False)
    assert all("<extra_id_0>" in text for text in texts)
    assert all(target.startswith("<extra_id_0>") for target in targets)
    assert batch.source.shape[1] <= ROW + 1


def test_it_learns_to_fill_in(initial, pretrained):
    manifest = json.loads((pretrained / "manifest.json").read_text())
    assert manifest["losses"][-1] < 0.7 * manifest["losses"][0]
    before, after = load_model(initial), load_model(pretrained)
    assert before.config.decoder_start_token_id == after.config.decoder_start_token_id == 0
    assert (before.shared.weight != after.shared.weight).any()


def test_it_is_fine_tuned_and_answers(released, tokenizer_folder, pretrained, tmp_path):
    for split in ("train", "dev", "test"):
        examples = [
            Example(f"{split}/{i}", "", f"{place} {i}", answer, (answer,))
            for i, (place, answer) in enumerate([("land", "yes"), ("capital", "no")] * 8)
        ]
        write_examples(tmp_path / f"{split}.arrow", examples)
    settings = Finetuning(
        steps=120, batch_size=8, learning_rates=(0.01,), source_length=24, target_length=8
    )
    inputs = FinetuneInputs(
        pretrained, tokenizer_folder, tmp_path, settings, Generation(max_length=6)
    )
    name = NamedRun(model="t5", policy="rand", task="qa", pretraining_seed=0, seed=0)
    folders = {"state": tmp_path / "states", "output": tmp_path / "run"}
    finetune_once(inputs, "exact_match", Setting(0.01), name, **folders)
    score_runs([tmp_path / "run" / "manifest.json"], ["exact_match"])
    metrics = json.loads((tmp_path / "run" / "metrics.json").read_text())
    assert metrics["metrics"]["exact_match"] > 0.8
    predictions = read_table(tmp_path / "run" / "predictions.arrow").column("prediction")
    assert set(predictions.to_pylist()) <= {"yes", "no"}
