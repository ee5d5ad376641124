"""What a teacher is: a source of recordings."""
from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, Mapping, Sequence

from torch import Tensor, nn

from .recorder import SourceLike


class Teacher(ABC):
    """Gives, for a batch of the student, what the teacher would record on it.

    Nothing else is assumed: a teacher may run a network or read a cache. Teachers are guests of
    the training and never part of a module tree, so they show up in no state dict, optimizer,
    DDP bucket or EMA copy.
    """

    @abstractmethod
    def bind(self, student: nn.Module, sources: Mapping[str, SourceLike]) -> None:
        """Get ready; called once, after the student's own weights are loaded.

        Args:
            student: The unwrapped student, to see how it normalises its inputs.
            sources: Recording name -> where to find it in a model.
        """

    @abstractmethod
    def __call__(self, inputs: Tensor, data_samples: Sequence[Any] | None) -> dict[str, Tensor]:
        """Look at a batch.

        Args:
            inputs: The student's normalised batch, shape (N, 3, H, W).
            data_samples: N samples; read, never changed.

        Returns:
            Recording name -> detached tensor, for every source bound.
        """

    def identity(self) -> dict[str, Any]:
        """What its answers depend on beside its inputs: by this a store knows who filled it.

        Returns:
            Plain JSON: type, digests of config and weights. The teacher is not built for it.

        Raises:
            NotImplementedError: If its answers cannot be stored.
            FileNotFoundError: If its weights are not there.
        """
        raise NotImplementedError(f'what a {type(self).__name__} says cannot be stored')

    def prepare_data(self, dataset: Any) -> bool:
        """See the training data, and change it, before workers read any of it.

        Args:
            dataset: Of the training data loader.

        Returns:
            Whether anything was changed: workers that run already have to be replaced.
        """
        return False

    def __deepcopy__(self, memo: dict[int, Any]) -> Teacher:
        """Share the teacher: copies of a student (EMA) need no second one."""
        return self
