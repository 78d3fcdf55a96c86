"""Counting, before anything is trained, the examples of a task that a model does not read whole."""

import sys
from pathlib import Path

from maskpolicy.corpora.tokenizer import load_tokenizer
from maskpolicy.models import families
from maskpolicy.sources.base import SPLITS
from maskpolicy.tasks.cuts import PartCuts, TaskCuts
from maskpolicy.training.finetune import FinetuneInputs


def count_cuts(inputs: FinetuneInputs, task_name: str, output: Path) -> None:
    """Write what fine-tuning cuts of a task's examples (TaskCuts), and say it on stderr.

    Raises as fine-tuning does where the task, the lengths and the checkpoint don't fit together.
    """
    family = families.of_checkpoint(inputs.checkpoint)
    data = family.read_task(inputs.task, SPLITS)
    model = family.task_model(
        inputs.checkpoint,
        load_tokenizer(inputs.tokenizer),
        labels=data.labels,
        lengths=inputs.finetuning.of(family.name),
        generation=inputs.generation,
        seed=0,
    )
    examples = [example for split in SPLITS for example in data.splits[split]]
    parts = (
        PartCuts(
            part=part,
            length=length,
            examples=len(whole),
            cut=sum(tokens > length for tokens in whole),
        )
        for part, (whole, length) in model.whole_lengths(examples).items()
    )
    cuts = TaskCuts(task=task_name, parts=tuple(parts))
    for sentence in cuts.sentences():
        print(sentence, file=sys.stderr)
    cuts.write(output)
