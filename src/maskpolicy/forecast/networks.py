"""What networks need for their work: the weights that tokens meet (see `rates`)."""

from dataclasses import dataclass, replace
from typing import NamedTuple

from maskpolicy.forecast.models import ModelSize
from maskpolicy.forecast.need import MB, Need
from maskpolicy.forecast.rates import DeviceRates
from maskpolicy.models.specs import Generation

TRAINED = 16
"""Bytes a weight of a model in training: it, its gradient, and two averages of AdamW."""

ACTIVATIONS = 34
"""Numbers a hidden unit, layer and token that the backward pass needs (Korthikanti et al. 2022)."""

ROWS_AT_ONCE = 64
"""Of what is only read."""

LIBRARIES = 500
"""MB of a GPU's memory that its libraries take."""


class Batch(NamedTuple):
    """A batch as a network reads it: rows, tokens of each source and target, and predictions."""

    rows: int
    source: float
    target: float = 0.0
    predicted: float = 0.0

    def work(self, model: ModelSize) -> float:
        """Weights that its tokens meet, going forward."""
        of_row = model.source * self.source + model.target * self.target
        return self.rows * (of_row + model.head * self.predicted)

    def at_once(self, rows: int | None) -> "Batch":
        """What of it is in memory at once."""
        return self if rows is None else self._replace(rows=rows)


@dataclass(frozen=True)
class Networks:
    """Networks on a device, which is a GPU or a core."""

    device: DeviceRates
    on_gpu: bool

    def step(
        self,
        size: ModelSize,
        batch: Batch,
        at_once: int | None = None,
        *,
        checkpointed: bool = False,
    ) -> float:
        """Seconds of a training step: forward, backward, and AdamW."""
        device = self.device
        passes = -(-batch.rows // (at_once or batch.rows))
        again = 4 / 3 if checkpointed else 1.0
        work = again * batch.work(size) / device.training
        return work + 3 * size.layers * passes * device.layer + size.weights / device.update

    def epochs(self, size: ModelSize, batch: Batch, examples: int, epochs: int) -> float:
        """Seconds of training on so many examples, again and again."""
        return epochs * -(-examples // batch.rows) * self.step(size, batch)

    def forward(self, size: ModelSize, batch: Batch) -> float:
        """Seconds of a forward pass, in pieces of ROWS_AT_ONCE."""
        passes = max(1.0, batch.rows / ROWS_AT_ONCE)
        return batch.work(size) / self.device.inference + passes * size.layers * self.device.layer

    def generate(self, size: ModelSize, read: Batch, how: Generation, examples: int) -> float:
        """Seconds to decode: as many tokens as an answer may have, since one of a batch does."""
        batches = -(-examples // how.batch_size)
        encoding = examples * size.source * read.source / self.device.inference
        work = examples * how.beams * how.max_length * (size.target + size.head)
        steps = batches * how.max_length * 2 * size.decoder_layers * self.device.layer
        return encoding + work / self.device.inference + steps

    def asked(
        self, seconds: float, size: ModelSize, batch: Batch | None = None, disk: float = 0.0
    ) -> Need:
        """What a job with a network needs that is not trained."""
        own = 4 * size.weights / MB
        if batch is not None:
            own += 4 * batch.rows * batch.predicted * size.vocabulary / MB
        device = self.device
        if self.on_gpu:
            return Need(device.start + seconds, device.memory + 200, disk, own + LIBRARIES)
        return Need(device.start + seconds, device.memory + own, disk)

    def trained(
        self,
        seconds: float,
        size: ModelSize,
        batch: Batch,
        disk: float = 0.0,
        *,
        checkpointed: bool = False,
    ) -> Need:
        """What a training that can be interrupted needs: weights, gradients and averages, and what
        goes backward.
        """
        device = self.device
        own = float(TRAINED * size.weights)
        tokens = batch.rows * (batch.source + batch.target)
        layers = 1 if checkpointed else size.layers / (2 if size.decoder_layers else 1)
        own += tokens * ACTIVATIONS * size.hidden * layers * device.bytes
        own += 3 * batch.rows * batch.predicted * size.vocabulary * 4
        need = Need(device.start + seconds, device.memory + own / MB, disk, resumes=True)
        if self.on_gpu:
            of_machine = device.memory + 8 * size.weights / MB
            return replace(need, memory=of_machine, gpu_memory=own / MB + LIBRARIES)
        return need
