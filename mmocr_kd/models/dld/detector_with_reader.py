"""A detector, and who reads what is annotated in its images, as objectives see a spotter."""
from __future__ import annotations

from typing import Any, Sequence

from torch import Tensor, nn

from ...distill import FiniteCheck
from ...losses import Reading
from ..spotters import Words
from ..spotters.spotter_protocol import Detected
from ..spotters.spotting_samples import in_input_frame, polygons_of
from .frozen_reader import FrozenReader


class DetectorWithReader:
    """Finds by a detector, and reads, if anybody, by a frozen recogniser.

    A plain object: neither enters a module tree by it.

    Args:
        detector: A detector of MMOCR, or an ``MMDetWrapper``.
        reader: The recogniser; None: nobody reads.

    Attributes:
        finite: Watches what is read; whoever asks settles it.
    """

    def __init__(self, detector: Any, reader: FrozenReader | None) -> None:
        self._detector = detector
        self.reader = reader
        self.finite = FiniteCheck()

    @property
    def reads(self) -> bool:
        """Whether there is a recogniser."""
        return self.reader is not None

    def bind(self, model: nn.Module) -> None:
        """Build the recogniser, once; normalise as the model does from now on."""
        if self.reader is not None and not self.reader.bound:
            self.reader.bind(model)

    def normalized(self, inputs: Tensor, data_samples: Sequence[Any]) -> Tensor:
        """The batch as it is: the detector's data preprocessor normalises it."""
        return inputs

    def detect(self, inputs: Tensor, data_samples: Sequence[Any]) -> list[Detected]:
        """Polygons of each image, in pixels of ``inputs``, and their scores."""
        found = self._detector(inputs, in_input_frame(data_samples), mode='predict')
        return [(polygons_of(one), one.pred_instances.scores) for one in found]

    def words_of(self, data_samples: Sequence[Any]) -> Words:
        """The annotated words the recogniser can spell."""
        assert self.reader is not None, 'nobody reads'
        return self.reader.words_of(data_samples)

    def read_along(self, inputs: Tensor, data_samples: Sequence[Any], words: Words,
                   full: Any = None) -> Reading:
        """How the words are read along their labels in ``inputs``, however small; N > 0."""
        assert self.reader is not None, 'nobody reads'
        reading = self.reader.read_along(inputs, data_samples, words)
        self.finite.watch('logits', reading.logits[0], data_samples)
        return reading
