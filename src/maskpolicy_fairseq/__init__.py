"""What fairseq-train loads with `--user-dir` to train as this package's own trainer does.

A task that reads exported pairs in batches of a fixed order, and the schedule of learning rates.
Everything else (model, loss, Adam, clipping, checkpoints) is fairseq's own. Only fairseq imports
this package.
"""

import argparse
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.compute
import torch
from fairseq.data import Dictionary, FairseqDataset
from fairseq.dataclass import FairseqDataclass
from fairseq.optim.lr_scheduler import FairseqLRScheduler, register_lr_scheduler
from fairseq.tasks import FairseqTask, register_task
from omegaconf import II, MISSING
from safetensors.torch import load_file, save_file

from maskpolicy.arrow_files import open_batches
from maskpolicy.models.batches import bucketed_order, pad
from maskpolicy.training.schedules import learning_rate_at
from maskpolicy.training.trainers.fairseq import STEP_MARK, FairseqJob

# fairseq keeps its arguments as one in its checkpoints, which torch would not read again.
torch.serialization.add_safe_globals([argparse.Namespace])


class TokenIds(Dictionary):
    """A vocabulary that is its ids: nothing is mapped to anything else."""

    def __init__(self, job: FairseqJob) -> None:
        super().__init__(add_special_symbols=False)
        for i in range(job.vocabulary):
            self.add_symbol(str(i))
        self.bos_index, self.pad_index, self.eos_index = job.bos, job.pad, job.eos
        self.unk_index = job.unk


class Pairs(FairseqDataset):
    """Exported (source, target) pairs, a file a pass, memory-mapped."""

    can_reuse_epoch_itr_across_epochs = False  # passes differ in their pairs

    def __init__(self, job: FairseqJob) -> None:
        self.job = job
        self.set_epoch(1)

    def set_epoch(self, epoch: int) -> None:
        """Turn to pass `epoch`, from 1."""
        self.number = epoch - 1
        reader = open_batches(self.job.pairs[self.number])
        self.slabs = [reader.get_batch(i) for i in range(reader.num_record_batches)]
        self.starts = np.cumsum([0, *map(len, self.slabs)])
        lengths = [
            sum(
                pyarrow.compute.list_value_length(slab.column(name)).to_numpy()
                for name in ("source", "target")
            )
            for slab in self.slabs
        ]
        self.lengths = np.concatenate(lengths)

    def __len__(self) -> int:
        return len(self.lengths)

    def __getitem__(self, index: int) -> dict[str, Any]:
        slab = int(np.searchsorted(self.starts, index, side="right")) - 1
        place = int(index - self.starts[slab])
        ids = {
            name: self.slabs[slab].column(name)[place].values.to_numpy()
            for name in ("source", "target")
        }
        return {"id": index, **ids}

    def num_tokens(self, index: int) -> int:
        """Of source and target."""
        return int(self.lengths[index])

    size = num_tokens

    def filter_indices_by_size(
        self, indices: np.ndarray, max_sizes: Any
    ) -> tuple[np.ndarray, list[int]]:
        """All: pairs are exported in lengths that the model takes."""
        return indices, []

    def batch_by_size(self, indices: np.ndarray, **_: Any) -> list[np.ndarray]:
        """The batches of the pass, in the order in which the native trainer reads them."""
        return bucketed_order(self.lengths, self.job.batch_size, self.job.order_seed, self.number)

    def collater(self, samples: Sequence[dict[str, Any]]) -> dict[str, Any]:
        """A batch, padded on the right; the decoder reads each label one position later."""
        source = pad([sample["source"] for sample in samples], self.job.pad)
        target = pad([sample["target"] for sample in samples], self.job.pad)
        read = target.roll(1, dims=1)
        read[:, 0] = self.job.decoder_start
        lengths = (source != self.job.pad).sum(1)
        return {
            "id": torch.tensor([sample["id"] for sample in samples]),
            "nsentences": len(samples),
            "ntokens": int((target != self.job.pad).sum()),
            "net_input": {
                "src_tokens": source,
                "src_lengths": lengths,
                "prev_output_tokens": read,
            },
            "target": target,
        }


@dataclass
class MaskedPairsConfig(FairseqDataclass):
    """The arguments of the task."""

    job: str = field(default=MISSING, metadata={"help": "the FairseqJob, as JSON"})


@register_task("masked_pairs", dataclass=MaskedPairsConfig)
class MaskedPairsTask(FairseqTask):
    """Pre-training on exported pairs, from given weights; each update is written down."""

    def __init__(self, cfg: MaskedPairsConfig) -> None:
        super().__init__(cfg)
        self.job = FairseqJob.model_validate_json(Path(cfg.job).read_text())
        self.dictionary = TokenIds(self.job)

    @property
    def source_dictionary(self) -> TokenIds:
        """The ids of the tokenizer."""
        return self.dictionary

    target_dictionary = source_dictionary

    def build_model(self, cfg: Any, from_checkpoint: bool = False) -> Any:
        """The model with the weights to start from; a checkpoint of fairseq replaces them."""
        model = super().build_model(cfg, from_checkpoint)
        model.load_state_dict(load_file(self.job.weights), strict=True)
        return model

    def load_dataset(self, split: str, **_: Any) -> None:
        """The pairs, there is one split."""
        self.datasets[split] = Pairs(self.job)

    def max_positions(self) -> None:
        """The model's own."""

    def train_step(
        self,
        sample: Any,
        model: Any,
        criterion: Any,
        optimizer: Any,
        update_num: int,
        ignore_grad: bool = False,
    ) -> tuple[Any, Any, Any]:
        """As fairseq's, and keep the weights at stops, and the loss in nats per target token."""
        if update_num in self.job.stops:
            weights = {name: value.cpu().clone() for name, value in model.state_dict().items()}
            save_file(weights, self.job.stop_file(update_num))
        result = super().train_step(sample, model, criterion, optimizer, update_num, ignore_grad)
        loss, predicted, _ = result
        step = {
            "step": update_num,
            "loss": float(loss) / predicted,
            "tokens": predicted + int(sample["net_input"]["src_lengths"].sum()),
        }
        # Before fairseq saves its state: no update that it remembers is missing.
        line = json.dumps(step)
        with self.job.steps_file.open("a") as file:
            file.write(f"{line}\n")
        print(f"{STEP_MARK}{line}", flush=True)
        return result


@dataclass
class SameScheduleConfig(FairseqDataclass):
    """The arguments of the schedule."""

    job: str = field(default=II("task.job"))


@register_lr_scheduler("as_native", dataclass=SameScheduleConfig)
class SameSchedule(FairseqLRScheduler):
    """The learning rates of the native trainer: fairseq's own begin at 0, one update later."""

    def __init__(self, cfg: SameScheduleConfig, optimizer: Any) -> None:
        super().__init__(cfg, optimizer)
        self.stage = FairseqJob.model_validate_json(Path(cfg.job).read_text()).stage

    def step_update(self, num_updates: int) -> float:
        """Set the rate of the update after so many."""
        last = min(num_updates, self.stage.steps)
        self.optimizer.set_lr(learning_rate_at(last, self.stage, self.stage.learning_rate))
        return float(self.optimizer.get_lr())
