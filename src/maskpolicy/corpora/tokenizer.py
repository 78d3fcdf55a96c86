"""Tokenizers: a byte-level BPE trained on the study's corpora, or that of another model."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tokenizers
from tokenizers import AddedToken
from tokenizers.models import BPE
from tokenizers.normalizers import Lowercase
from tokenizers.processors import PostProcessor, TemplateProcessing
from tokenizers.processors import Sequence as ProcessorSequence
from tokenizers.trainers import BpeTrainer

from maskpolicy.artefacts import atomic_directory, read_json, write_json
from maskpolicy.corpora.documents import StoredDocuments
from maskpolicy.corpora.specs import TrainedTokenizer
from maskpolicy.errors import ArtefactError
from maskpolicy.pretrained import FIRST_SENTINEL, local_folder, not_loaded, refuse

ROLES = ("bos", "pad", "eos", "unk", "mask")
BART_SPECIAL_TOKENS = ("<s>", "<pad>", "</s>", "<unk>", "<mask>")
"""In the order of ROLES, which is the order of their ids in BART's vocabulary."""

ORDINARY_TEXTS = (
    *("The capital of the country is a large city.", "La capitale du pays est une grande ville."),
    *(
        "Столица этой страны — большой город.",
        "這個國家的首都是一座大城市。",
        "عاصمة البلاد مدينة كبيرة",
    ),
    *(
        "이 나라의 수도는 큰 도시이다.",
        "この国の首都は大きな都市です。",
        "देश की राजधानी एक बड़ा शहर है।",
    ),
    *(
        "Η πρωτεύουσα της χώρας είναι μια μεγάλη πόλη.",
        "בירת המדינה היא עיר גדולה.",
        "เมืองหลวงของประเทศเป็นเมืองใหญ่",
        "দেশের রাজধানী একটি বড় শহর।",
        "நாட்டின் தலைநகரம் ஒரு பெரிய நகரம்.",
    ),
)
"""A tokenizer to which most pieces of each of them are unknown has lost its vocabulary."""


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
    def special_tokens(self) -> dict[str, str]:
        """Role -> special token; without `bos` where there is none."""
        ids: dict[str, int | None] = {role: getattr(self, role) for role in ROLES}
        tokens = {r: self.backend.id_to_token(i) for r, i in ids.items() if i is not None}
        return {role: token for role, token in tokens.items() if token is not None}

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
    """Train a byte-level BPE on titles and texts of folders of documents and write it to another.

    Sennrich et al. 2016 on bytes (Radford et al. 2019), with BART's special tokens. Deterministic.
    Raises ArtefactError when a file can't be read.
    """
    backend = tokenizers.Tokenizer(BPE(unk_token="<unk>"))
    if spec.lowercase:
        backend.normalizer = Lowercase()
    backend.pre_tokenizer = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=True)
    backend.decoder = tokenizers.decoders.ByteLevel()
    *others, mask = BART_SPECIAL_TOKENS
    trainer = BpeTrainer(
        vocab_size=spec.vocabulary_size,
        # As BART's, the mask takes the place of a word with the space before it.
        special_tokens=[*others, AddedToken(mask, lstrip=True)],
        initial_alphabet=sorted(tokenizers.pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    backend.train_from_iterator(_texts(documents), trainer)
    special_tokens = dict(zip(ROLES, BART_SPECIAL_TOKENS, strict=True))
    backend.post_processor = _enclosing(backend, special_tokens)
    with atomic_directory(output) as folder:
        _write(backend, special_tokens, folder)


def import_tokenizer(pretrained: str, output: Path) -> None:
    """Write the tokenizer of a local folder or hub id to a folder.

    [CLS] and [SEP] stand in for BOS and EOS where the tokenizer has none, and T5's first sentinel
    for the mask. There may be no BOS (T5, PEGASUS). Raises ArtefactError naming what can't be
    loaded, the special token that is missing, or what says that it knows no text.
    """
    from transformers import AutoTokenizer, PreTrainedTokenizerFast

    refuse(pretrained, tokenizer=True)
    try:
        source = AutoTokenizer.from_pretrained(
            pretrained, local_files_only=local_folder(pretrained) is not None
        )
    # Of damaged files the library raises nothing more specific.
    except Exception as error:
        raise not_loaded(pretrained, error, tokenizer=True) from error
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
    backend = source.backend_tokenizer
    _enclose(backend, special_tokens)
    with atomic_directory(output) as folder:
        _write(
            backend, special_tokens, folder, segments="token_type_ids" in source.model_input_names
        )
        if not _knows_text(load_tokenizer(folder)):
            raise ArtefactError(
                f"the tokenizer {pretrained} knows no text: in every language most pieces are"
                " unknown to it, so its files are not whole"
            )


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
    config = read_json(folder / "tokenizer_config.json")
    special_tokens = {role: config.get(f"{role}_token") for role in ROLES}
    bos, *others = (token and backend.token_to_id(token) for token in special_tokens.values())
    known = [i for i in others if i is not None]
    if len(known) < len(others):
        raise ArtefactError(f"{path} lacks some of {special_tokens}: delete and rerun")
    return Tokenizer(backend, bos, *known)


def write_tokenizer(
    tokenizer: Tokenizer, folder: Path, *, separators: int | None = None, segments: bool = False
) -> None:
    """Write a tokenizer beside a model, so that `AutoTokenizer.from_pretrained(folder)` encodes
    texts as :meth:`Tokenizer.encode` does.

    Where the tokenizer leaves to its user what stands between two texts, they are `separators`
    tokens, and with `segments` it tells the two apart, as the model wants it. As everywhere in
    transformers, special tokens that a text spells are read as such unless `split_special_tokens`
    is asked for.
    """
    backend = tokenizers.Tokenizer.from_str(tokenizer.backend.to_str())
    special_tokens = tokenizer.special_tokens
    if tokenizer.separators is None and separators is not None:
        backend.post_processor = _enclosing(backend, special_tokens, separators)
    _write(backend, special_tokens, folder, segments=segments)


def _first_sentinel(backend: tokenizers.Tokenizer) -> str | None:
    return FIRST_SENTINEL if backend.token_to_id(FIRST_SENTINEL) is not None else None


def _enclosing(
    backend: tokenizers.Tokenizer, special_tokens: Mapping[str, str | None], separators: int = 0
) -> TemplateProcessing:
    """What puts special tokens around a text as :meth:`Tokenizer.enclose` does, and around two with
    so many `separators` between them; without any it leaves two as they are.
    """
    ends = [token for role in ("bos", "eos") if (token := special_tokens.get(role))]
    first = [*ends[:-1], "$A"]
    both = [*first, *ends[-1:] * separators, "$B:1", f"{ends[-1]}:1"]
    return TemplateProcessing(
        single=[*first, ends[-1]],
        pair=both if separators else ["$A", "$B:1"],
        special_tokens=[(token, backend.token_to_id(token)) for token in ends],
    )


def _enclose(backend: tokenizers.Tokenizer, special_tokens: Mapping[str, str | None]) -> None:
    """Let a tokenizer of another model enclose texts in BOS and EOS, if it does not yet."""
    ends = [backend.token_to_id(token) for r in ("bos", "eos") if (token := special_tokens[r])]
    plain = backend.encode(ORDINARY_TEXTS[0], add_special_tokens=False).ids
    if backend.encode(ORDINARY_TEXTS[0]).ids == [*ends[:-1], *plain, ends[-1]]:
        return
    processor: PostProcessor = _enclosing(backend, special_tokens)
    if backend.post_processor is not None and not backend.num_special_tokens_to_add(is_pair=False):
        processor = ProcessorSequence([backend.post_processor, processor])  # it may trim offsets
    backend.post_processor = processor


def _knows_text(tokenizer: Tokenizer) -> bool:
    special = {getattr(tokenizer, role) for role in ROLES}
    unknown = (
        [piece in special for piece in encoding.ids]
        for encoding in tokenizer.encode_rows(ORDINARY_TEXTS)
    )
    return any(pieces and 2 * sum(pieces) <= len(pieces) for pieces in unknown)


def _write(
    backend: tokenizers.Tokenizer,
    special_tokens: Mapping[str, str | None],
    folder: Path,
    *,
    segments: bool = False,
) -> None:
    """Write a tokenizer as transformers reads it; `segments`: it tells two texts apart by ids."""
    backend.save(str(folder / "tokenizer.json"))
    config: dict[str, Any] = {"tokenizer_class": "PreTrainedTokenizerFast"}
    config |= {f"{role}_token": token for role, token in special_tokens.items() if token}
    if "bos_token" in config:  # by the names that encoders know them by
        config |= {"cls_token": config["bos_token"], "sep_token": config["eos_token"]}
    names = ["input_ids", *(["token_type_ids"] if segments else []), "attention_mask"]
    config |= {"model_input_names": names, "clean_up_tokenization_spaces": False}
    write_json(folder / "tokenizer_config.json", config)


def _texts(documents: Sequence[Path]) -> Iterator[str]:
    for folder in documents:
        for batch in StoredDocuments(folder).batches():
            yield from batch.column("title").to_pylist()
            yield from batch.column("text").to_pylist()
