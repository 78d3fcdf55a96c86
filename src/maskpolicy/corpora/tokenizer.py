"""Tokenizers: a byte-level BPE trained on the study's corpora, or that of another model."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import tokenizers
from tokenizers.models import BPE
from tokenizers.normalizers import Lowercase
from tokenizers.trainers import BpeTrainer

from maskpolicy.arrow_files import read_batches
from maskpolicy.artefacts import atomic_directory, read_json, write_json
from maskpolicy.corpora.specs import TrainedTokenizer
from maskpolicy.errors import ArtefactError

ROLES = ("bos", "pad", "eos", "unk", "mask")
BART_SPECIAL_TOKENS = ("<s>", "<pad>", "</s>", "<unk>", "<mask>")
"""In the order of ROLES, which is the order of their ids in BART's vocabulary."""

FIRST_SENTINEL = "<extra_id_0>"
"""T5's first numbered mask, which is its mask where one alone is asked for."""


@dataclass(frozen=True)
class Tokenizer:
    """A fast tokenizer and the ids of its special tokens; those of BERT play the same roles.

    `bos` is None where sequences begin without one (T5). Text never yields special tokens, not even
    where it spells one, as "<mask>".
    """

    backend: tokenizers.Tokenizer
    bos: int | None
    pad: int
    eos: int
    unk: int
    mask: int

    @property
    def vocabulary_size(self) -> int:
        """How many ids there are, special tokens included."""
        return self.backend.get_vocab_size(with_added_tokens=True)

    def encode_rows(self, texts: Sequence[str]) -> list[tokenizers.Encoding]:
        """Encode without special tokens; an encoding has `ids` and `offsets` in characters."""
        return self.backend.encode_batch(texts, add_special_tokens=False)

    def encode(self, texts: Sequence[str], max_length: int) -> list[list[int]]:
        """Token ids between BOS and EOS, at most `max_length` of them with both."""
        kept = max_length - self.ends
        return [self.enclose(encoding.ids[:kept]) for encoding in self.encode_rows(texts)]

    @property
    def ends(self) -> int:
        """How many special tokens stand around a sequence: BOS, where there is one, and EOS."""
        return 1 if self.bos is None else 2

    def enclose(self, ids: Sequence[int]) -> list[int]:
        """Token ids between BOS, where there is one, and EOS."""
        return [*ids, self.eos] if self.bos is None else [self.bos, *ids, self.eos]

    @property
    def separators(self) -> int | None:
        """How many special tokens the tokenizer puts between two texts, or None where it puts none
        around texts at all, and leaves that to who uses it.
        """
        of_pair = self.backend.num_special_tokens_to_add(is_pair=True)
        of_single = self.backend.num_special_tokens_to_add(is_pair=False)
        return of_pair - of_single if of_pair else None

    def refuse_smaller_model(self, known: int, model: str | Path) -> None:
        """Raise ArtefactError, naming `model`, when that knows fewer tokens than there are."""
        if known < self.vocabulary_size:
            raise ArtefactError(
                f"{model} knows {known} tokens, but its tokenizer has {self.vocabulary_size}"
            )

    def decode(self, ids: Sequence[int]) -> str:
        """The text of token ids, special tokens left out."""
        return self.backend.decode(ids, skip_special_tokens=True).strip()


def train_tokenizer(documents: Sequence[Path], spec: TrainedTokenizer, output: Path) -> None:
    """Train a byte-level BPE on titles and texts of `documents` and write it to a folder.

    Sennrich et al. 2016 on bytes (Radford et al. 2019), with BART's special tokens. Deterministic.
    Raises ArtefactError when a file can't be read.
    """
    backend = tokenizers.Tokenizer(BPE(unk_token="<unk>"))
    if spec.lowercase:
        backend.normalizer = Lowercase()
    backend.pre_tokenizer = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=True)
    backend.decoder = tokenizers.decoders.ByteLevel()
    trainer = BpeTrainer(
        vocab_size=spec.vocabulary_size,
        special_tokens=list(BART_SPECIAL_TOKENS),
        initial_alphabet=sorted(tokenizers.pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    backend.train_from_iterator(_texts(documents), trainer)
    _write(backend, dict(zip(ROLES, BART_SPECIAL_TOKENS, strict=True)), output)


def import_tokenizer(pretrained: str, output: Path) -> None:
    """Write the tokenizer of a local folder or hub id to a folder.

    [CLS] and [SEP] stand in for BOS and EOS where the tokenizer has none, and T5's first sentinel
    for the mask. There may be no BOS (T5, PEGASUS). Raises ArtefactError naming what can't be
    loaded, or the special token that is missing.
    """
    from transformers import AutoTokenizer, PreTrainedTokenizerFast

    try:
        source = AutoTokenizer.from_pretrained(
            pretrained, local_files_only=Path(pretrained).is_dir()
        )
    except (OSError, ValueError) as error:
        raise ArtefactError(f"cannot load the tokenizer {pretrained}: {error}") from error
    if not isinstance(source, PreTrainedTokenizerFast):
        raise ArtefactError(f"the tokenizer {pretrained} has no fast version (tokenizer.json)")
    special_tokens = {
        "bos": source.bos_token or source.cls_token,
        "pad": source.pad_token,
        "eos": source.eos_token or source.sep_token,
        "unk": source.unk_token,
        "mask": source.mask_token or _first_sentinel(source.backend_tokenizer),
    }
    for role, token in special_tokens.items():
        if token is None and role != "bos":
            raise ArtefactError(f"the tokenizer {pretrained} has no {role} token")
    _write(source.backend_tokenizer, special_tokens, output)


def load_tokenizer(folder: Path) -> Tokenizer:
    """Read a tokenizer that this module wrote. Raises ArtefactError, naming the file."""
    path = folder / "tokenizer.json"
    if not path.is_file():
        raise ArtefactError(f"{path} is missing: rerun the rule that makes it")
    try:
        backend = tokenizers.Tokenizer.from_file(str(path))
    except Exception as error:  # the library raises nothing more specific
        raise ArtefactError(f"{path} is damaged ({error}): delete and rerun") from error
    backend.no_truncation()
    backend.no_padding()
    backend.encode_special_tokens = True
    special_tokens = read_json(folder / "special_tokens.json")
    bos, *others = (
        None if special_tokens[role] is None else backend.token_to_id(special_tokens[role])
        for role in ROLES
    )
    known = [i for i in others if i is not None]
    if len(known) < len(others):
        raise ArtefactError(f"{path} lacks some of {special_tokens}: delete and rerun")
    return Tokenizer(backend, bos, *known)


def _first_sentinel(backend: tokenizers.Tokenizer) -> str | None:
    return FIRST_SENTINEL if backend.token_to_id(FIRST_SENTINEL) is not None else None


def _write(
    backend: tokenizers.Tokenizer, special_tokens: Mapping[str, str | None], output: Path
) -> None:
    with atomic_directory(output) as folder:
        backend.save(str(folder / "tokenizer.json"))
        write_json(folder / "special_tokens.json", special_tokens)


def _texts(documents: Sequence[Path]) -> Iterator[str]:
    for path in documents:
        for batch in read_batches(path):
            yield from batch.column("title").to_pylist()
            yield from batch.column("text").to_pylist()
