"""Any checkpoint of transformers belongs to a family: it is loaded, trained, saved, and reads."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch
import transformers
from torch.nn.functional import cross_entropy

from maskpolicy.errors import ArtefactError, InputError
from maskpolicy.models import families
from maskpolicy.models.batches import Batch, InPlaceBatch
from maskpolicy.models.checkpoints import save_model
from maskpolicy.models.encoder import load_sequence_classifier, longest_input, sequence_layout
from maskpolicy.models.generation import generate
from maskpolicy.models.inference import SequenceInference
from maskpolicy.models.labels import IGNORED
from maskpolicy.models.layout import Segments
from maskpolicy.models.seq2seq import load_model, longest_sequence
from maskpolicy.models.specs import Generation
from maskpolicy.sources.base import ClassificationExample, Example

PAD, BOS, EOS = 0, 2, 3  # as in the tests' WordPiece tokenizer
IDS = {"pad_token_id": PAD, "bos_token_id": BOS, "eos_token_id": EOS}
SIZES = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2} | IDS
FFN = {"intermediate_size": 32, "hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0}
BART = {
    **{"d_model": 16, "encoder_layers": 1, "decoder_layers": 1, "dropout": 0.0},
    **{"encoder_attention_heads": 2, "decoder_attention_heads": 2},
    **{"encoder_ffn_dim": 32, "decoder_ffn_dim": 32, "max_position_embeddings": 24},
} | IDS
T5 = {"d_model": 16, "d_kv": 8, "d_ff": 32, "num_layers": 1, "num_heads": 2, "dropout_rate": 0.0}

SEQ2SEQ = {
    "Bart": BART | {"decoder_start_token_id": EOS},
    "MBart": BART,  # does not say what its decoder starts with
    "Pegasus": BART | {"decoder_start_token_id": PAD},
    "T5": T5 | {"pad_token_id": PAD, "eos_token_id": EOS, "decoder_start_token_id": PAD},
    "MT5": T5 | {"pad_token_id": PAD, "eos_token_id": EOS},  # nor does this one
}
ENCODERS = {
    "Bert": SIZES | FFN | {"max_position_embeddings": 24},
    "Roberta": SIZES | FFN | {"max_position_embeddings": 25, "type_vocab_size": 1},
    "DistilBert": {
        **{"dim": 16, "n_layers": 2, "n_heads": 2, "hidden_dim": 32, "pad_token_id": PAD},
        **{"dropout": 0.0, "attention_dropout": 0.0, "max_position_embeddings": 24},
    },
    "Electra": SIZES | FFN | {"embedding_size": 8, "max_position_embeddings": 24},
    "DebertaV2": SIZES
    | FFN
    | {
        **{"max_position_embeddings": 24, "relative_attention": True, "position_buckets": 8},
        **{"pos_att_type": ["p2c", "c2p"], "type_vocab_size": 0},
    },
    "ModernBert": SIZES
    | {
        **{"intermediate_size": 32, "max_position_embeddings": 24, "cls_token_id": BOS},
        **{"sep_token_id": EOS, "local_attention": 8},
    },
}


def make(name, kind, settings, vocabulary, folder):
    """The checkpoint of a small random model, written by transformers itself."""
    torch.manual_seed(0)
    config = getattr(transformers, f"{name}Config")(vocab_size=vocabulary, **settings)
    model = getattr(transformers, f"{name}{kind}")(config)
    with torch.no_grad():  # as small as they are drawn, all models predict the same of any input
        for weight in model.parameters():
            weight += 0.1 * torch.randn_like(weight)
    model.save_pretrained(folder)
    return folder


@pytest.fixture(params=SEQ2SEQ)
def seq2seq(request, wordpiece, tmp_path):
    settings = SEQ2SEQ[request.param]
    kind = "ForConditionalGeneration"
    return make(request.param, kind, settings, wordpiece.vocabulary_size, tmp_path / "model")


@pytest.fixture(params=ENCODERS)
def encoder(request, wordpiece, tmp_path):
    settings = ENCODERS[request.param]
    return make(request.param, "ForMaskedLM", settings, wordpiece.vocabulary_size, tmp_path / "m")


def a_step(family, model, batch):
    """The loss before a step of plain gradient descent, and after."""
    model.train()
    loss = family.pretraining_loss(model, batch, 0.0)
    loss.backward()
    with torch.no_grad():
        for weight in model.parameters():
            if weight.grad is not None:
                weight -= 0.01 * weight.grad
    return loss.item(), family.pretraining_loss(model, batch, 0.0).item()


def test_any_encoder_decoder_is_pre_trained_saved_and_decoded(seq2seq, wordpiece, tmp_path):
    family = families.of_checkpoint(seq2seq)
    assert family is families.find("seq2seq")
    model = family.load(seq2seq)
    source = torch.tensor([[BOS, 7, 4, 9, EOS], [BOS, 4, EOS, PAD, PAD]])
    target = torch.tensor([[BOS, 8, EOS], [BOS, EOS, PAD]])
    start = model.config.decoder_start_token_id
    whole = model(
        input_ids=source,
        attention_mask=source != PAD,
        decoder_input_ids=torch.tensor([[start, BOS, 8], [start, BOS, EOS]]),
    ).logits
    expected = cross_entropy(whole[target != PAD], target[target != PAD])
    assert torch.allclose(family.pretraining_loss(model, Batch(source, target), 0.0), expected)
    before, after = a_step(family, model, Batch(source, target))
    assert before == pytest.approx(expected.item()) and after < before
    save_model(model, wordpiece, tmp_path / "trained")
    again = family.load(tmp_path / "trained").eval()
    saved = family.pretraining_loss(again, Batch(source, target), 0.0)
    assert saved.item() == pytest.approx(after, abs=1e-5)
    sources = [[BOS, 7, 4, 9, EOS], [BOS, 4, EOS]]
    settings = Generation(max_length=4, beams=2)
    together = generate(again, wordpiece, sources, settings)
    assert together == [generate(again, wordpiece, [one], settings)[0] for one in sources]


def test_training_and_decoding_start_with_the_same_token(seq2seq):
    model = load_model(seq2seq)
    start = model.config.decoder_start_token_id
    assert start is not None
    generated = model.eval().generate(torch.tensor([[7, EOS]]), max_new_tokens=1)
    assert generated[0, 0] == start


def test_only_relative_positions_have_no_limit(seq2seq):
    model = load_model(seq2seq)
    longest = longest_sequence(model)
    assert longest == 24 or (longest > 10**9 and "t5" in model.config.model_type)
    tokens = torch.full((1, min(longest, 600)), 7)
    assert model(input_ids=tokens, decoder_input_ids=tokens).logits.shape[1] == tokens.shape[1]


def test_what_is_not_built_like_bart_has_no_settings_of_it(wordpiece, tmp_path):
    kind = "ForConditionalGeneration"
    make("T5", kind, SEQ2SEQ["T5"], wordpiece.vocabulary_size, tmp_path / "t5")
    with pytest.raises(InputError, match=r"t5 has no such settings as attention_dropout: .* BART"):
        load_model(tmp_path / "t5", attention_dropout=0.0)


def test_any_masked_lm_is_pre_trained_and_saved(encoder, wordpiece, tmp_path, capsys):
    family = families.of_checkpoint(encoder)
    assert family is families.find("encoder")
    model = family.load(encoder)
    assert "fresh" not in capsys.readouterr().err
    assert family.longest_input(model) == 24
    source = torch.tensor([[BOS, 7, 4, 9, EOS], [BOS, 4, EOS, PAD, PAD]])
    labels = torch.full_like(source, IGNORED)
    labels[0, 2], labels[1, 1] = 8, 9
    wanted = labels != IGNORED
    whole = model(input_ids=source, attention_mask=source != PAD).logits
    expected = cross_entropy(whole[wanted], labels[wanted])
    batch = InPlaceBatch(source, labels)
    assert torch.allclose(family.pretraining_loss(model, batch, 0.0), expected)
    before, after = a_step(family, model, batch)
    assert before == pytest.approx(expected.item()) and after < before
    save_model(model, wordpiece, tmp_path / "trained")
    again = family.load(tmp_path / "trained")
    assert family.pretraining_loss(again, batch, 0.0).item() == pytest.approx(after, abs=1e-5)


def fine_tuned(family, checkpoint, wordpiece, examples, labels=()):
    """A model of a task after one step of plain gradient descent, and the loss before and after."""
    tuned = family.task_model(
        checkpoint,
        wordpiece,
        labels=labels,
        lengths=SimpleNamespace(source_length=16, target_length=8, max_length=16),
        generation=Generation(max_length=4, beams=2),
        seed=0,
    )
    batch = next(iter(tuned.batches(examples, len(examples), 0)))
    tuned.model.train()
    loss = tuned.loss(tuned.model, batch, 0.0)
    loss.backward()
    with torch.no_grad():
        for weight in tuned.model.parameters():
            if weight.grad is not None:
                weight -= 0.01 * weight.grad
        return tuned, loss.item(), tuned.loss(tuned.model, batch, 0.0).item()


def equal(one, other):
    """Whether two models have the same weights."""
    some, others = one.state_dict(), other.state_dict()
    return some.keys() == others.keys() and all(torch.equal(some[n], others[n]) for n in some)


def test_any_encoder_decoder_is_fine_tuned_and_reloaded_as_it_is(seq2seq, wordpiece, tmp_path):
    family = families.of_checkpoint(seq2seq)
    texts = ("the film is superb", "a dull plot", "the cast")
    examples = [Example(f"{i}", None, text, "it is", ("it is",)) for i, text in enumerate(texts)]
    tuned, before, after = fine_tuned(family, seq2seq, wordpiece, examples)
    assert after < before
    predicted = tuned.predict(tuned.encode(examples))
    save_model(tuned.model, wordpiece, tmp_path / "tuned")
    ours = family.load(tmp_path / "tuned")
    theirs = transformers.AutoModelForSeq2SeqLM.from_pretrained(tmp_path / "tuned")
    assert equal(ours, tuned.model) and equal(theirs, tuned.model)
    assert replace(tuned, model=ours).predict(tuned.encode(examples)) == predicted


def test_any_encoder_is_fine_tuned_and_reloaded_as_it_is(encoder, wordpiece, tmp_path):
    family = families.of_checkpoint(encoder)
    labels = ("negative", "positive")
    texts = ("the film is superb", "a dull plot", "the funny cast")
    examples = [
        ClassificationExample(f"{i}", text, None, labels[i != 1]) for i, text in enumerate(texts)
    ]
    tuned, before, after = fine_tuned(family, encoder, wordpiece, examples, labels)
    assert after < before
    inputs = tuned.encode(examples)
    predicted = tuned.predict(inputs)
    assert set(predicted) <= set(labels)
    save_model(tuned.model, wordpiece, tmp_path / "tuned")
    ours = load_sequence_classifier(tmp_path / "tuned", 2, seed=5)
    auto = transformers.AutoModelForSequenceClassification
    assert equal(ours, tuned.model) and equal(auto.from_pretrained(tmp_path / "tuned"), tuned.model)
    assert replace(tuned, model=ours).predict(inputs) == predicted


def test_any_encoder_reads_texts_and_pairs_alike_alone_and_in_batches(encoder, wordpiece):
    classifier = load_sequence_classifier(encoder, 3, seed=0)
    assert longest_input(classifier) == 24
    layout = sequence_layout(classifier, wordpiece, 24)
    sizes = np.arange(1, 10)
    ids = np.random.default_rng(0).integers(5, wordpiece.vocabulary_size, size=2 * sizes.sum())
    offsets = np.concatenate([[0], np.cumsum(sizes)])
    first, second = (Segments(some, offsets) for some in np.split(ids, 2))
    for inputs in (layout.arrange(first), layout.arrange(first, second)):
        reader = SequenceInference(classifier).exact
        together = reader.outputs(inputs)
        alone = np.concatenate([reader.outputs(inputs.take(np.array([i]))) for i in range(9)])
        assert np.abs(together - alone).max() < 1e-9
        assert np.ptp(together, axis=0).min() > 1e-6, "the input decides"
        [plain] = reader.model(
            input_ids=torch.from_numpy(inputs.ids[:1, : inputs.lengths[0]].astype(np.int64)),
            **segments(classifier, inputs),
        ).logits.tolist()
        assert together[0] == pytest.approx(plain, abs=1e-9)


def segments(model, inputs):
    """The segment ids of the first sequence, for models that have any."""
    if getattr(model.config, "type_vocab_size", 0) < 2:
        return {}
    ids = np.arange(inputs.lengths[0]) >= inputs.second[0]
    return {"token_type_ids": torch.from_numpy(ids.astype(np.int64))[None]}


def test_a_decoder_alone_belongs_to_no_family(tmp_path):
    config = transformers.GPT2Config(vocab_size=30, n_embd=16, n_layer=1, n_head=2, n_positions=24)
    transformers.GPT2LMHeadModel(config).save_pretrained(tmp_path / "gpt")
    with pytest.raises(ArtefactError, match="gpt is a gpt2 model, which is no masked LM"):
        families.of_checkpoint(tmp_path / "gpt").load(tmp_path / "gpt")
    with pytest.raises(ArtefactError, match=r"cannot load the model .*nowhere"):
        families.of_checkpoint(tmp_path / "nowhere")


def test_a_checkpoint_of_this_package_names_its_family(seq2seq, encoder, wordpiece, tmp_path):
    for name, other in (("seq2seq", encoder), ("encoder", seq2seq)):
        model = families.of_checkpoint(other).load(other)
        families.mark(model, name)
        save_model(model, wordpiece, tmp_path / name)
        again = families.of_checkpoint(other).load(tmp_path / name)
        save_model(again, wordpiece, tmp_path / f"{name}-again")
        assert families.of_checkpoint(tmp_path / f"{name}-again").name == name
