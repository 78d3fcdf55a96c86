"""Masking what a trained network found worth masking (Ye et al. 2021, section 4.3)."""

from pathlib import Path
from weakref import WeakKeyDictionary

import numpy as np

from maskpolicy.corpora.shards import TokenBatch
from maskpolicy.decisions.base import Address, Decisions
from maskpolicy.models.devices import choose_device
from maskpolicy.policies import specs
from maskpolicy.policies.base import refuse_unknown_tokens
from maskpolicy.policies.meta.network import MaskingNetwork
from maskpolicy.policies.meta.postprocessing import draw_tokens, mask_whole_words
from maskpolicy.policies.token_network import load_network, score_tokens


class MetaLearned:
    """Whole words of which the network masks a token: drawn anew in each epoch, or the likely ones.

    Budget: what the network learned, about its training's `budget` in single tokens and more in
    whole words; never more than half of a row, and less than 30 % where it would have been.
    """

    def __init__(self, spec: specs.MetaLearned, network: Path) -> None:
        """Load the trained network from its folder. Raises ArtefactError, naming the file."""
        self.sampled = spec.choice == "sampled"
        self.folder = network
        self.network = load_network(network, MaskingNetwork).to(choose_device())
        # What the network says does not depend on the epoch: it is asked once for a batch.
        self._log_odds: WeakKeyDictionary[TokenBatch, np.ndarray] = WeakKeyDictionary()

    def decide(self, batch: TokenBatch, address: Address) -> Decisions:
        """Mask words of each row. Raises ArtefactError when the network has other tokens."""
        log_odds = self._log_odds.get(batch)
        if log_odds is None:
            log_odds = self._log_odds[batch] = self._ask(batch)
        if self.sampled:
            mask = draw_tokens(address.key("tokens"), batch.rows, batch.offsets, log_odds)
        else:
            mask = log_odds > 0
        unmask = address.key("unmask", epoch=None if self.sampled else 0)
        mask_whole_words(unmask, batch.rows, batch.offsets, batch.word_start, mask)
        return Decisions(mask)

    def _ask(self, batch: TokenBatch) -> np.ndarray:
        refuse_unknown_tokens(batch, self.network.embeddings.num_embeddings, self.folder)
        keep, mask = score_tokens(self.network, batch.offsets, batch.input_ids)
        return mask - keep
