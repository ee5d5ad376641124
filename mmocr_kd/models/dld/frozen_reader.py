"""A recogniser that says how legible an image is."""
from __future__ import annotations

from typing import Any, Mapping, Sequence

import torch
from mmocr.registry import MODELS
from torch import Tensor, nn

from ...adapters.image_sizes import valid_sizes
from ...adapters.recognition import RecognizerTeacher
from ...distill.recorder import SourceLike
from ...distill.renormalize import Normalization, Renormalize
from ...losses import Reading
from ..spotters import QuadCut, Words
from ..spotters.part_inputs import RAW, PartInputs
from ..spotters.word_reader import WordReader


@MODELS.register_module()
class FrozenReader(RecognizerTeacher):
    """Reads annotated words in a detector's images; frozen, in eval mode, outside the module tree.

    Args:
        config: Of the recogniser, see :class:`~mmocr_kd.distill.ModelTeacher`.
        checkpoint: Its weights.
        crop: Fields of :class:`~mmocr_kd.models.spotters.QuadCut`; nothing is jittered.
        color_type: What the recogniser's pipeline loads, 'color' or 'grayscale'.
        texts: Fields of :class:`~mmocr_kd.models.spotters.TrainableTexts`: which words are read.
    """

    def __init__(self,
                 config: str | dict[str, Any],
                 checkpoint: str,
                 crop: Mapping[str, Any],
                 color_type: str = 'color',
                 texts: Mapping[str, Any] | None = None) -> None:
        super().__init__(config, checkpoint)
        self._crop, self._color_type, self._texts = crop, color_type, texts
        self._reader: WordReader | None = None

    @property
    def bound(self) -> bool:
        """Whether :meth:`bind` was called."""
        return self._reader is not None

    def bind(self, student: nn.Module, wanted: Mapping[str, SourceLike] | None = None) -> None:
        """Build the recogniser and undo the detector's normalisation from now on.

        Args:
            student: The detector; its ``data_preprocessor`` counts.
            wanted: Not used, it records for itself.
        """
        cut = QuadCut(PartInputs(self.build(), self._color_type), **self._crop)
        self._reader = WordReader(self.build(), cut, self._texts)
        self._renormalize = Renormalize(Normalization.of(student), RAW)

    def words_of(self, data_samples: Sequence[Any]) -> Words:
        """The annotated words the recogniser can spell.

        Args:
            data_samples: B samples with polygons and texts, at full resolution.
        """
        return self._bound_reader().annotated(data_samples)

    @torch.no_grad()
    def read_along(self, inputs: Tensor, data_samples: Sequence[Any], words: Words) -> Reading:
        """Read words along their labels.

        Args:
            inputs: The detector's batch, normalised for it, shape (B, 3, H, W).
            data_samples: B samples; only their sizes count.
            words: N words of these images, N > 0.

        Returns:
            The reading.
        """
        return self._bound_reader().read_along(
            self.prepare(inputs), valid_sizes(inputs, data_samples), words, with_loss=False)[1]

    def _bound_reader(self) -> WordReader:
        if self._reader is None:
            raise RuntimeError('the recogniser was called before bind()')
        return self._reader
