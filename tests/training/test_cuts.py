"""Counting what fine-tuning cuts: each part against its own length, special tokens included."""

from dataclasses import replace

import pytest

from maskpolicy.artefacts import read_json
from maskpolicy.corpora.tokenizer import load_tokenizer
from maskpolicy.models.classifier import Classifier
from maskpolicy.models.specs import Generation
from maskpolicy.sources.base import ClassificationExample, Example
from maskpolicy.tasks.cuts import TaskCuts
from maskpolicy.tasks.seq2seq import read_examples, write_examples
from maskpolicy.training.cuts import count_cuts
from maskpolicy.training.finetune import FinetuneInputs
from maskpolicy.training.specs import Finetuning

SHORT = "is land 1 green?"
LONG = f"{SHORT} or is it blue?"


@pytest.fixture
def inputs(materials, tmp_path):
    """Questions, every fourth of them longer than the source length; one answer of 12 is long."""
    room = len(load_tokenizer(materials.tokenizer).encode([SHORT], 99)[0])
    for split in ("train", "dev", "test"):
        examples = [
            Example(
                f"{split}/{i}",
                "",
                SHORT if i else LONG,
                LONG if split == "test" and i == 1 else "yes",
                ("yes",),
            )
            for i in range(4)
        ]
        write_examples(tmp_path / "task" / f"{split}.arrow", examples)
    finetuning = Finetuning(
        steps=1, batch_size=8, learning_rates=(0.1,), source_length=room, target_length=room
    )
    return FinetuneInputs(
        materials.checkpoint, materials.tokenizer, tmp_path / "task", finetuning, Generation()
    )


def test_sources_and_targets_that_are_cut_are_counted_and_said(inputs, tmp_path, capsys):
    count_cuts(inputs, "qa", tmp_path / "cuts.json")
    room = inputs.finetuning.source_length
    cuts = TaskCuts.read(tmp_path / "cuts.json")
    counts = [(part.part, part.length, part.examples, part.cut) for part in cuts.parts]
    assert counts == [("source", room, 12, 3), ("target", room, 12, 1)]
    said = capsys.readouterr().err
    assert f"qa: 25 % of the sources are longer than {room} tokens and cut there." in said
    assert f"qa: 8.3 % of the targets are longer than {room} tokens and cut there." in said


def test_choices_that_are_cut_are_counted(inputs, tmp_path, capsys):
    """Some that differ in what is cut off are equally likely."""
    train = read_examples(inputs.task / "train.arrow")
    choices = ("yes", f"{LONG} no", f"{LONG} yes")
    train[0] = replace(train[0], choices=choices)
    write_examples(inputs.task / "train.arrow", train)
    count_cuts(inputs, "qa", tmp_path / "cuts.json")
    part = TaskCuts.read(tmp_path / "cuts.json").parts[-1]
    assert (part.part, part.examples, part.cut) == ("choice", 3, 2)
    assert "qa: 67 % of the choices are longer than" in capsys.readouterr().err


def test_pairs_are_cut_with_their_separators(encoder_folder, wordpiece_folder):
    tokenizer = load_tokenizer(wordpiece_folder)
    for pair in (None, "The soup was good."):
        example = ClassificationExample("1", "The soup was good.", pair, "a")
        whole = Classifier.load(encoder_folder, tokenizer, ("a", "b"), 24, 0)
        tokens = int(whole.encode([example]).lengths[0])
        assert tokens < 24
        for length in (tokens, tokens - 1):
            classifier = Classifier.load(encoder_folder, tokenizer, ("a", "b"), length, 0)
            assert classifier.whole_lengths([example]) == {"input": ([tokens], length)}
            assert classifier.encode([example]).lengths[0] == length


def test_what_is_cut_is_what_the_model_does_not_read(inputs, tmp_path):
    """An example counts exactly where its ids are not those that it has without a limit."""
    tokenizer = load_tokenizer(inputs.tokenizer)
    whole = tokenizer.encode([LONG], 99)[0]
    for length, cut in ((len(whole) - 1, 3), (len(whole), 0)):
        settings = inputs.finetuning.model_copy(update={"source_length": length})
        count_cuts(replace(inputs, finetuning=settings), "qa", tmp_path / "cuts.json")
        assert read_json(tmp_path / "cuts.json")["parts"][0]["cut"] == cut
        assert (tokenizer.encode([LONG], length)[0] == whole) == (cut == 0)
