"""A teacher that knows the labels: how much is there to gain from a perfect one?"""
from __future__ import annotations

from typing import Any, Mapping, Sequence

import torch
import torch.nn.functional as F
from mmocr.models.textdet.heads import PANHead, PSEHead
from mmocr.registry import MODELS
from torch import Tensor, nn

from ..adapters import text_logits
from ..adapters.text_mask import draw_text_mask
from ..distill import RecordingError, SourceLike, Teacher
from ..distill.precision import computing_in
from ..losses.checks import require_not_negative
from .cached_teacher import EPS


@MODELS.register_module()
class GroundTruthTeacher(Teacher):
    """An oracle: the text of the annotations, softened as a network's map is.

    No teacher finds text better. What a student gains from it, through the same losses, bounds what
    better teachers could give; a student that gains nothing needs other losses, not another
    teacher. Its map is ``confidence`` times the mask of the text, blurred by a Gaussian (our
    choice; label smoothing alone would say nothing about borders): of DBNet's targets, text shrunk
    by 0.4; of PSENet's and PANet's, whole polygons, at a quarter of the size.

    Where :class:`~mmocr_kd.datasets.transforms.DBTargets` drew the mask, it is taken; annotations
    are only read. Ignored instances are no text to it, so that losses over all pixels learn there
    what the task leaves open: give them ``mask='text'``. It draws in pixels of the batch, as
    training pipelines annotate, and cannot be judged on a validation set.

    Args:
        sigma: Of the Gaussian, in pixels of the batch, >= 0; 0 leaves borders hard.
        confidence: Probability inside text, in (0, 1). Outside it is that of a ``CachedTeacher``,
            1 / 510.

    Raises:
        ValueError: If a field is out of its range; when called, if a photo has no labels.
        RecordingError: From :meth:`bind`, if something else is wanted than maps of text.

    Map: masks ``adapters/text_mask.py``, prepared ones ``adapters/det_targets.py``.
    """

    sees_images = False

    def __init__(self, sigma: float = 2., confidence: float = .95) -> None:
        require_not_negative('sigma', sigma)
        if not 0 < confidence < 1:
            raise ValueError(f'confidence={confidence} must be more than 0 and less than 1')
        self.sigma = sigma
        self.confidence = confidence
        self._kind, self._stride = 'kernel', 1
        self._names: list[str] = []

    @property
    def live(self) -> Teacher:
        """See :meth:`Teacher.live`.

        Raises:
            ValueError: Always.
        """
        raise ValueError('a GroundTruthTeacher says what the labels say: there is nothing to judge '
                         'on a validation set; leave evaluate=True out')

    def bind(self, student: nn.Module, wanted: Mapping[str, SourceLike]) -> None:
        """See :meth:`Teacher.bind`."""
        foreign = {name: what for name, what in wanted.items() if what is not text_logits}
        if foreign:
            raise RecordingError(f'a GroundTruthTeacher cannot give {foreign}: it knows maps of '
                                 "text (source='text_logits'); features need a ModelTeacher")
        whole = any(isinstance(part, (PSEHead, PANHead)) for part in student.modules())
        self._kind, self._stride = ('text', 4) if whole else ('kernel', 1)
        self._names = list(wanted)

    @torch.no_grad()
    def __call__(self, inputs: Tensor, data_samples: Sequence[Any] | None) -> dict[str, Tensor]:
        """Draw the text of a batch; see :meth:`Teacher.__call__`.

        Returns:
            Logits float32, shape (N, H, W), of PSENet and PANet (N, H / 4, W / 4), on the device of
            ``inputs``.
        """
        samples = data_samples or ()
        _require_labels(samples)
        size = inputs.shape[-2], inputs.shape[-1]
        like = inputs[:, 0, ::self._stride, ::self._stride]
        text = draw_text_mask(samples, like, size, self._kind).float()
        with computing_in(torch.float32, inputs.device.type):
            text = blurred(text, self.sigma / self._stride) * self.confidence
        return dict.fromkeys(self._names, text.clamp(EPS, 1 - EPS).logit())


def blurred(maps: Tensor, sigma: float) -> Tensor:
    """Apply a Gaussian, cut off at four sigma; outside, maps go on as they end.

    Args:
        maps: Shape (N, H, W).
        sigma: In pixels, >= 0.

    Returns:
        The same shape.
    """
    radius = int(4 * sigma + .5)
    if not radius:
        return maps
    places = torch.arange(-radius, radius + 1, dtype=maps.dtype, device=maps.device)
    bell = torch.softmax(-places.square() / (2 * sigma**2), 0)[None, None, None]
    padded = F.pad(maps[:, None], [radius] * 4, mode='replicate')
    return F.conv2d(F.conv2d(padded, bell), bell.transpose(2, 3))[:, 0]


def _require_labels(data_samples: Sequence[Any]) -> None:
    unknown = [sample.get('img_path') for sample in data_samples
               if not sample.get('labelled', True)]
    if unknown:
        raise ValueError(f'GroundTruthTeacher: {unknown} have no labels: it knows nothing else; '
                         'leave such photos out of its training')
