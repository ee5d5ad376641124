"""What a teacher is: whoever knows something of a batch."""
from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, Mapping, Sequence

from torch import Tensor, nn

from .recorder import SourceLike


class Teacher(ABC):
    """Answers one question: what it knows of a student's batch.

    Nothing else is assumed: a teacher may run networks, read a cache, ask a black box or others of
    its kind. Teachers are guests of the training and never part of a module tree, so they show up
    in no state dict, optimizer, DDP bucket or EMA copy.

    Attributes:
        evaluate: Field of every teacher's config: whether it is judged, once, on the validation
            set before training; see :class:`~mmocr_kd.hooks.EvaluateTeacherHook`.
        sees_images: Whether it looks at the images it is called with. A cache does not.
        follows_labels: Whether what it records of a recogniser was read along the labels: only
            then one step of it belongs to one step of the student.
        late: Whether it knows of a batch only when the student has run: one that learns with it.
    """

    evaluate: bool = False
    sees_images: bool = True
    follows_labels: bool = False
    late: bool = False

    @abstractmethod
    def bind(self, student: nn.Module, wanted: Mapping[str, SourceLike]) -> None:
        """Get ready. It may be asked again, for something else; then only that counts.

        Args:
            student: The unwrapped student with its weights loaded, to see how it normalises its
                inputs.
            wanted: Name -> what to know: a :class:`.Source`, where a network has it; or a function
                that names a known quantity, such as ``text_logits`` or ``hypotheses`` of
                ``mmocr_kd.adapters``: a network is asked where it has that, a black box knows it.

        Raises:
            RecordingError: If it cannot know one of these.
        """

    @abstractmethod
    def __call__(self, inputs: Tensor, data_samples: Sequence[Any] | None) -> dict[str, Any]:
        """Look at a batch.

        Args:
            inputs: The student's normalised batch, shape (N, 3, H, W).
            data_samples: N samples; read, never changed.

        Returns:
            Name -> what it knows, for everything wanted: a detached tensor, or what the quantity
            is made of. What a function did not find in its network is left out.
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

    @property
    def live(self) -> Teacher:
        """Who can be asked about any image; of a store, who filled it.

        Raises:
            ValueError: If that is not known.
        """
        return self

    def prepare_data(self, dataset: Any) -> bool:
        """See the training data, and change it, before workers read any of it.

        Args:
            dataset: Of the training data loader.

        Returns:
            Whether anything was changed: workers that run already have to be replaced.
        """
        return False

    @property
    def networks(self) -> tuple[Any, ...]:
        """The networks it runs, built and loaded; none if it is no network."""
        return ()

    def __deepcopy__(self, memo: dict[int, Any]) -> Teacher:
        """Share the teacher: copies of a student (EMA) need no second one."""
        return self
