"""The one resumable fit: every training of this package takes its steps here.

What differs from training to training is a :class:`Learner`. What does not is :func:`fit`: go on
where an interruption left off, take the steps, show them, keep the best of the evaluated weights,
save the state now and then, and when a signal asks to stop.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from functools import partial
from itertools import chain

import torch

from maskpolicy.progress import step_progress
from maskpolicy.training.interruption import Request, requests_to_stop
from maskpolicy.training.state import Saving, State, restore_training, training_tensors

_BEST, _OWN = "best/", "own/"
"""Prefixes of the best weights so far, and of the learner's own tensors, in a saved state."""


class Learner(ABC):
    """A model in training: what one step does, how it is judged, what it must not forget."""

    def __init__(
        self, title: str, model: torch.nn.Module, optimiser: torch.optim.Optimizer, steps: int
    ) -> None:
        """`title` names it in its progress and its errors; `steps` is how many there are in all."""
        self.title = title
        self.model = model
        self.optimiser = optimiser
        self.steps = steps

    @abstractmethod
    def take(self, step: int) -> str:
        """Take step number `step`, from 0, and return what is to be shown of it.

        It may depend on nothing but its number, the model, the optimiser and the memory: that is
        what makes a training go on as if it had never been interrupted.
        """

    def evaluate(self, done: int) -> float | None:
        """After `done` steps: a score of the model, the higher the better, if it is time for one.

        The model ends with the weights of its best score, the first of equals, or with its last
        ones where it never had a score.
        """
        return None

    def ended(self) -> bool:
        """Whether the steps that are left are not worth taking; its memory decides."""
        return False

    def tensors(self, *, to_go_on: bool) -> dict[str, torch.Tensor]:
        """The weights as they are saved, with all that its optimiser needs `to_go_on`."""
        return training_tensors(self.model, self.optimiser if to_go_on else None)

    def restore(self, tensors: Mapping[str, torch.Tensor]) -> None:
        """Set model and optimiser to what :meth:`tensors` gave; other names are ignored."""
        restore_training(self.model, self.optimiser, tensors)

    @abstractmethod
    def memory(self) -> State:
        """What has to outlast an interruption, beside the model and its optimiser."""

    @abstractmethod
    def recall(self, memory: State) -> None:
        """Take up a memory again, in the place of that of a new learner."""


@dataclass(frozen=True)
class _Best:
    """The best score so far and the weights that had it."""

    score: float
    weights: dict[str, torch.Tensor]


def fit(learner: Learner, saving: Saving | None = None, *, finish: bool = False) -> None:
    """Take all steps of `learner`; leave its model with the best weights.

    With `saving` it goes on from the state that an interrupted training saved, and saves its own
    now and then. Asked to stop by a signal, it saves after the step and ends the process (see
    :meth:`Request.obey`). With `finish` the end is saved too, so that a finished training is not
    repeated while a longer work, of which it is a part, has not come to its end.
    """
    done, best = _go_on(learner, saving)
    with (
        nullcontext(Request()) if saving is None else requests_to_stop() as request,
        _progress(learner, saving, done) as show,
    ):
        for step in range(done, learner.steps):
            if learner.ended():
                break
            shown = learner.take(step)
            if request.asked is None:  # else perhaps nobody reads it any more
                show(shown)
            score = learner.evaluate(step + 1)
            if score is not None and (best is None or score > best.score):
                best = _Best(score, {n: w.detach().clone() for n, w in _weights(learner.model)})
            if saving is not None:
                state = partial(_state, learner, step + 1, best)
                if request.agree(saving.processes):
                    saving.save(state())
                    request.obey(learner.title, step + 1, learner.steps, saving.processes)
                saving.now_and_then(state)
    if finish and saving is not None and done < learner.steps:
        saving.save(_state(learner, learner.steps, best))
    if best is not None:
        with torch.no_grad():
            for name, tensor in _weights(learner.model):
                tensor.copy_(best.weights[name])


def _progress(
    learner: Learner, saving: Saving | None, done: int
) -> AbstractContextManager[Callable[[str], None]]:
    """Of several processes the first one shows it."""
    if saving is None or saving.processes.first:
        return step_progress(learner.title, learner.steps, done)
    return nullcontext(lambda shown: None)


def _go_on(learner: Learner, saving: Saving | None) -> tuple[int, _Best | None]:
    """Set the learner to its saved state, if there is one: the steps done and the best of them."""
    saved = None if saving is None else saving.load()
    if saved is None:
        return 0, None
    learner.recall(State(_under(_OWN, saved.tensors), saved.facts["own"]))
    done, score = saved.facts["steps"], saved.facts["best"]
    best = None if score is None else _Best(score, _under(_BEST, saved.tensors))
    if _last_weights_wanted(learner, done, best):
        learner.restore(saved.tensors)
    return done, best


def _state(learner: Learner, done: int, best: _Best | None) -> State:
    memory = learner.memory()
    tensors: dict[str, torch.Tensor] = {}
    if _last_weights_wanted(learner, done, best):
        tensors |= learner.tensors(to_go_on=done < learner.steps)
    tensors |= {f"{_OWN}{name}": tensor for name, tensor in memory.tensors.items()}
    if best is not None:
        tensors |= {f"{_BEST}{name}": tensor for name, tensor in best.weights.items()}
    score = None if best is None else best.score
    return State(tensors, {"steps": done, "best": score, "own": memory.facts})


def _last_weights_wanted(learner: Learner, done: int, best: _Best | None) -> bool:
    """Of a finished training only the best weights are read again, where it has any."""
    return done < learner.steps or best is None


def _weights(model: torch.nn.Module) -> Iterator[tuple[str, torch.Tensor]]:
    """All that makes a model, each once: embeddings of BART have four names."""
    return chain(model.named_parameters(), model.named_buffers())


def _under(prefix: str, tensors: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    return {n.removeprefix(prefix): t for n, t in tensors.items() if n.startswith(prefix)}
