"""Spotters of other projects, read as DLD asks."""
from __future__ import annotations

from functools import cached_property
from typing import Any, Sequence

from torch import Tensor

from ...adapters import on_canvas
from ...adapters.image_sizes import valid_sizes
from ...losses import Reading
from .bezier_cut import BezierCut
from .detector_losses import idle_loss, name_losses
from .spotter_protocol import Detected, DistillableSpotter, Full
from .spotting_samples import in_input_frame, polygons_of
from .word_reader import WordReader
from .words import Words

_ASKED = ('rec_decoder', 'normalized', 'words_of', 'losses_and_reading', 'read_along', 'detect',
          'predict')
PARTS = ('backbone', 'det_head', 'roi_head')
ROI_PARTS = ('roi_extractor', 'rec_head')


def distillable(model: Any) -> DistillableSpotter:
    """The spotter itself if it is one that can be distilled, or an adapter around it.

    Args:
        model: A spotter of ours, or a two-stage one with the parts of ABCNet of MMOCR's projects.

    Raises:
        TypeError: If it has no recognition branch that can be read along the labels.
    """
    # Of the class, because isinstance() with the protocol would evaluate properties.
    if all(hasattr(type(model), name) for name in _ASKED):
        return model
    if _has(model, PARTS) and _has(model.roi_head, ROI_PARTS):
        adapter: Any = RoIHeadSpotter(model)
        return adapter
    raise TypeError(
        f'{type(model).__name__} is no spotter that can be distilled: expected the methods '
        f'{_ASKED} (DistillableSpotter), or the parts {PARTS} with roi_head.{ROI_PARTS[0]} and '
        f'roi_head.{ROI_PARTS[1]} (ABCNet). Spotters without a branch that reads words out of '
        'regions of the image, such as SPTS, are not supported')


def _has(part: Any, names: tuple[str, ...]) -> bool:
    return all(getattr(part, name, None) is not None for name in names)


class RoIHeadSpotter:
    """Makes a spotter such as ABCNet of MMOCR's projects distillable, without importing it.

    A plain object: the model stays where its owner keeps it, and its parameters are in no module
    tree twice. The model's parts are called one by one, so that its own ``loss`` is not needed:
    detection by ``det_head.loss``, words cut out of the features by ``roi_head.roi_extractor``
    (after ``roi_head.neck``, if there is one), read by ``roi_head.rec_head``, whose encoder puts
    time first. The recogniser always sees the true previous character (ABCNet trained alone sees
    its own guess half of the time).

    Args:
        model: With ``backbone``, ``det_head`` and ``roi_head``; a ``neck`` is optional.
    """

    def __init__(self, model: Any) -> None:
        self.model = model

    @property
    def rec_decoder(self) -> Any:
        """The recogniser's decoder."""
        return self.model.roi_head.rec_head.decoder

    def normalized(self, inputs: Tensor, data_samples: Sequence[Any]) -> Tensor:
        """The batch as it is: the model's data preprocessor has normalised it."""
        return inputs

    def words_of(self, data_samples: Sequence[Any]) -> Words:
        """The annotated words the recogniser can learn, outlined by Bezier curves.

        Args:
            data_samples: B samples at full resolution, left untouched.
        """
        return self._reader.annotated(data_samples)

    def losses_and_reading(self, inputs: Tensor, data_samples: Sequence[Any], words: Words,
                           full: Full | None = None) -> tuple[dict[str, Any], Reading | None]:
        """Losses named 'det.' and 'rec.' and what the part calls them; see the protocol.

        Args:
            inputs: Normalised images, shape (B, 3, H, W).
            data_samples: B samples of these images, left untouched.
            words: Words of these images.
            full: Not looked at.

        Returns:
            The losses, and the reading of the same pass; None without words.

        Raises:
            ValueError: If the detection head cannot be trained.
        """
        features = self.model.extract_feat(inputs)
        losses = self._det_losses(features, inputs, data_samples)
        if not len(words):
            # All of the model: levels of the neck only words are read from have no other loss.
            return losses | {'rec.loss_idle': idle_loss([self.model], inputs)}, None
        rec_losses, reading = self._reader.read_along(
            features, valid_sizes(inputs, data_samples), words, with_loss=True)
        return losses | name_losses('rec', rec_losses), reading

    def read_along(self, inputs: Tensor, data_samples: Sequence[Any], words: Words,
                   full: Full | None = None) -> Reading | None:
        """How the model reads the words; see the protocol."""
        if not len(words):
            return None
        features = self.model.extract_feat(inputs)
        return self._reader.read_along(features, valid_sizes(inputs, data_samples), words,
                                       with_loss=False)[1]

    def detect(self, inputs: Tensor, data_samples: Sequence[Any]) -> list[Detected]:
        """What the model itself finds, in pixels of ``inputs``; it reads it, too."""
        found = self.model.predict(inputs, in_input_frame(data_samples))
        return [(polygons_of(one), one.pred_instances.scores) for one in found]

    def predict(self, inputs: Tensor, data_samples: Sequence[Any],
                full: Full | None = None) -> Sequence[Any]:
        """The model's own prediction, on samples of its own."""
        return self.model.predict(inputs, [sample.new() for sample in data_samples])

    @cached_property
    def _reader(self) -> WordReader:
        head = self.model.roi_head
        return WordReader(head.rec_head, BezierCut(head), taps=dict(time_first=True))

    def _det_losses(self, features: Any, inputs: Tensor,
                    data_samples: Sequence[Any]) -> dict[str, Any]:
        head = self.model.det_head
        if getattr(head, 'module_loss', None) is None:
            raise ValueError(f'the det_head ({type(head).__name__}) has no module_loss: take a '
                             "config for training, or add one, e.g. 'ABCNetDetModuleLoss'")
        # Copies: ABCNet's loss drops ignored words from the samples it gets.
        return name_losses('det', head.loss(features, on_canvas(inputs, data_samples)))
