"""How large models are, from what is known before they are loaded."""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from maskpolicy.models.specs import BartArchitecture, EncoderArchitecture, Family, Model
from maskpolicy.pretrained import local_folder


@dataclass(frozen=True)
class ModelSize:
    """The weights of a model, by what goes through them."""

    hidden: int
    layers: int  # of encoder and decoder
    decoder_layers: int  # 0 of an encoder
    source: int  # weights that each token of the source meets
    target: int  # likewise of the target, without those of the head
    head: int  # likewise each predicted token: as many as the embeddings have
    vocabulary: int

    @property
    def weights(self) -> int:
        """All of them, about."""
        return self.source + self.target + self.head


def encoder_decoder(
    hidden: int, encoder_layers: int, decoder_layers: int, ffn: int, vocabulary: int
) -> ModelSize:
    """The size of an encoder-decoder; keys and values of cross-attention are of the source."""
    square, wide = hidden * hidden, 2 * hidden * ffn
    return ModelSize(
        hidden=hidden,
        layers=encoder_layers + decoder_layers,
        decoder_layers=decoder_layers,
        source=encoder_layers * (4 * square + wide) + decoder_layers * 2 * square,
        target=decoder_layers * (6 * square + wide),
        head=vocabulary * hidden,
        vocabulary=vocabulary,
    )


def encoder(hidden: int, layers: int, ffn: int, vocabulary: int) -> ModelSize:
    """The size of an encoder with a masked-LM head."""
    source = layers * (4 * hidden * hidden + 2 * hidden * ffn)
    return ModelSize(hidden, layers, 0, source, 0, vocabulary * hidden, vocabulary)


_BERT_BASE = encoder(768, 12, 3072, 30522)
_ROBERTA_BASE = encoder(768, 12, 3072, 50265)
_BART_BASE = encoder_decoder(768, 6, 6, 3072, 50265)

KNOWN = {
    "facebook/bart-base": _BART_BASE,
    "facebook/bart-large": encoder_decoder(1024, 12, 12, 4096, 50265),
    "google-t5/t5-small": encoder_decoder(512, 6, 6, 2048, 32128),
    "google-t5/t5-base": encoder_decoder(768, 12, 12, 3072, 32128),
    "google/pegasus-large": encoder_decoder(1024, 16, 16, 4096, 96103),
    "google-bert/bert-base-uncased": _BERT_BASE,
    "google-bert/bert-base-cased": encoder(768, 12, 3072, 28996),
    "google-bert/bert-large-uncased": encoder(1024, 24, 4096, 30522),
    "FacebookAI/roberta-base": _ROBERTA_BASE,
    "FacebookAI/roberta-large": encoder(1024, 24, 4096, 50265),
    "distilbert/distilbert-base-uncased": encoder(768, 6, 3072, 30522),
    # Its gate is a third matrix, so that it is half as wide again.
    "answerdotai/ModernBERT-base": encoder(768, 22, 3 * 1152 // 2, 50368),
}
"""Models of the hub whose sizes needn't be looked up."""

_OWNERS = {name.rpartition("/")[2]: name for name in KNOWN}
"""The hub knows some without their owner, too."""

_ASSUMED: Mapping[Family, tuple[str, ModelSize]] = {
    "seq2seq": ("facebook/bart-base", _BART_BASE),
    "encoder": ("FacebookAI/roberta-base", _ROBERTA_BASE),
}

_NAMES = {
    "hidden": ("d_model", "hidden_size", "dim"),
    "encoder_layers": ("encoder_layers", "num_hidden_layers", "num_layers", "n_layers"),
    "decoder_layers": ("decoder_layers", "num_decoder_layers", "num_layers"),
    "ffn": ("encoder_ffn_dim", "intermediate_size", "d_ff", "hidden_dim"),
    "vocabulary": ("vocab_size",),
}
"""What families of transformers call the same thing in their config.json."""


def size_of_model(model: Model, vocabulary: int) -> tuple[ModelSize, str | None]:
    """The size of a model, and what had to be assumed; `vocabulary` is that of its tokenizer."""
    match model.architecture:
        case BartArchitecture() as sizes:
            layers = sizes.encoder_layers, sizes.decoder_layers
            return encoder_decoder(sizes.d_model, *layers, sizes.ffn_dim, vocabulary), None
        case EncoderArchitecture() as sizes:
            return encoder(sizes.hidden_size, sizes.layers, sizes.ffn_dim, vocabulary), None
    assert model.pretrained, "a model has one of both"
    if known := size_of_pretrained(model.pretrained):
        return known, None
    like, size = _ASSUMED[model.family]
    return size, f"no config.json of {model.pretrained} is at hand: as large as {like}"


@cache
def size_of_pretrained(name: str) -> ModelSize | None:
    """The size of a local folder or of a model of the hub, as far as it is known here."""
    folder = local_folder(name)
    configs = [folder / "config.json"] if folder else _downloaded(name)
    for path in configs:
        if size := _read_size(path):
            return size
    return KNOWN.get(_OWNERS.get(name, name))


def _downloaded(name: str) -> list[Path]:
    """The config.json of a model of the hub, where transformers have downloaded it."""
    home = os.environ.get("HF_HOME") or Path("~/.cache/huggingface").expanduser()
    cached = Path(os.environ.get("HF_HUB_CACHE") or Path(home, "hub"))
    return sorted(cached.glob(f"models--{name.replace('/', '--')}/snapshots/*/config.json"))


def _read_size(path: Path) -> ModelSize | None:
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    if not isinstance(config, dict):
        return None
    found = {ours: _first(config, theirs) for ours, theirs in _NAMES.items()}
    if not config.get("is_encoder_decoder"):
        del found["decoder_layers"]
        found["layers"] = found.pop("encoder_layers")
    if not all(isinstance(value, int) for value in found.values()):
        return None
    return (encoder_decoder if "decoder_layers" in found else encoder)(**found)


def _first(config: Any, names: tuple[str, ...]) -> Any:
    return next((config[name] for name in names if name in config), None)
