"""The user's own files: what is made of them is made again when their content changes, and then
only.
"""

import pytest
from support.study_folder import StudyFolder, rules_of, write_jsonl
from tokenizers import Tokenizer
from tokenizers.models import BPE
from tokenizers.pre_tokenizers import ByteLevel
from tokenizers.trainers import BpeTrainer
from transformers import BartConfig, BartForConditionalGeneration, PreTrainedTokenizerFast

BIG = 1_000_000
"""Bytes; by default Snakemake takes what is bigger for changed when it was touched."""

TEXT = "Some words to mask.\n\n"
MADE = {
    "fetch_documents": "results/study/corpora/words/documents.json",
    "prepare_task": "results/study/tasks/qa/manifest.json",
    "train_tokenizer": "results/study/tokenizers/released/tokenizer.json",
    "initialise_model": "results/study/models/bart/initial/seed-0/manifest.json",
}
"""What is made of the user's own files, and by which rule."""


@pytest.fixture(scope="module")
def study(tmp_path_factory) -> StudyFolder:
    """A corpus, a task, a tokenizer and a model that are made of the user's own files."""
    folder = tmp_path_factory.mktemp("inputs")
    (folder / "words.txt").write_text(TEXT * (BIG // len(TEXT) + 1))
    write_jsonl(folder / "questions.jsonl", [question(i) for i in range(20)])
    release(folder / "released")
    study = StudyFolder(
        folder,
        {
            "corpora": {
                "words": {
                    "documents": {"source": "text", "path": "words.txt"},
                    "sequence_length": 16,
                }
            },
            "tokenizers": {"released": {"pretrained": "./released"}},
            "models": {"bart": {"tokenizer": "released", "pretrained": "./released"}},
            "policies": {"rand": {"decide": {"kind": "rand"}}},
            "tasks": {"qa": {"examples": {"source": "own-pairs", "train": "questions.jsonl"}}},
            "finetuning": {
                "default": {
                    **{"learning_rates": [0.001], "steps": 5, "batch_size": 8},
                    **{"source_length": 16, "target_length": 8},
                }
            },
        },
    )
    done = study.snakemake("--cores", "2", "--", *MADE.values())
    assert done.returncode == 0, done.stdout + done.stderr
    return study


def question(i: int) -> dict:
    return {"question": f"what is {i}?", "answers": [f"{i}"]}


def release(folder) -> None:
    """A small BART with its tokenizer, as one is released."""
    special = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
    backend = Tokenizer(BPE(unk_token="<unk>"))
    backend.pre_tokenizer = ByteLevel()
    alphabet = ByteLevel.alphabet()
    backend.train_from_iterator(
        [TEXT],
        BpeTrainer(vocab_size=300, special_tokens=special, initial_alphabet=sorted(alphabet)),
    )
    roles = ("bos_token", "pad_token", "eos_token", "unk_token", "mask_token")
    PreTrainedTokenizerFast(
        tokenizer_object=backend, **dict(zip(roles, special, strict=True))
    ).save_pretrained(folder)
    sizes = {"d_model": 8, "encoder_layers": 1, "decoder_layers": 1, "vocab_size": 300}
    heads = {"encoder_attention_heads": 2, "decoder_attention_heads": 2}
    config = BartConfig(**sizes, **heads, encoder_ffn_dim=8, decoder_ffn_dim=8)
    BartForConditionalGeneration(config).save_pretrained(folder)


def planned(study: StudyFolder) -> set[str]:
    return study.planned("--", *MADE.values())


@pytest.mark.parametrize(
    ("file", "rules"),
    [
        ("words.txt", {"fetch_documents"}),
        ("questions.jsonl", {"prepare_task"}),
        ("released/tokenizer.json", {"train_tokenizer", "initialise_model"}),
        ("released/model.safetensors", {"train_tokenizer", "initialise_model"}),
    ],
)
def test_what_is_made_of_a_file_is_made_anew_when_its_content_changes(study, file, rules):
    path = study.folder / file
    whole = path.read_bytes()
    assert planned(study) == set()
    path.write_bytes(whole[:-1] + b" ")  # of the same size
    changed = planned(study)
    path.write_bytes(whole)  # touched, in effect
    assert changed == rules
    assert planned(study) == set()


def test_a_plan_may_be_looked_at_while_a_file_is_missing(study):
    path = study.folder / "words.txt"
    path.rename(study.folder / "elsewhere")
    try:
        done = study.snakemake("--dry-run", "--", *MADE.values())
        started = study.snakemake("--cores", "1", "--", *MADE.values())
    finally:
        (study.folder / "elsewhere").rename(path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "corpora.words.documents.path: no file or folder 'words.txt'" in done.stderr
    assert started.returncode != 0
    assert (study.folder / MADE["fetch_documents"]).exists()


def test_a_constant_is_scored_where_metrics_are_checked(study):
    made = ["results/study/majority/qa.json", "results/study/tasks/qa.metrics.json"]
    try:
        done = study.snakemake("--cores", "1", "--", *made)
        assert done.returncode == 0, done.stdout + done.stderr
        assert rules_of(done.stdout + done.stderr) == {"check_metrics"}
        assert all((study.folder / file).stat().st_size for file in made)
    finally:
        for file in made:
            (study.folder / file).unlink(missing_ok=True)


def test_the_files_of_a_folder_are_all_inputs(study):
    file, aside = (study.folder / name for name in ("released/generation_config.json", "aside"))
    file.replace(aside)
    try:
        assert planned(study) == {"train_tokenizer", "initialise_model"}
    finally:
        aside.replace(file)
    assert planned(study) == set()
