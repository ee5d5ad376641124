"""A recogniser that reads along as a teacher."""
from __future__ import annotations

from typing import Any, Mapping, Sequence

from mmocr.registry import MODELS
from mmocr.structures import TextRecogDataSample
from torch import Tensor, nn

from ...distill import ModelTeacher, SourceLike
from ...losses.checks import require_at_least_one
from .hypotheses import hypotheses
from .n_best import n_best
from .teacher_forcing import teacher_forcing


@MODELS.register_module()
class RecognizerTeacher(ModelTeacher):
    """Reads high-resolution words along their labels, in eval mode; or freely, for hypotheses.

    Called with the words' images, normalised as the student's, and samples with targets. Along the
    labels both read the same classes, so that the dictionaries have to agree. What it may have read
    (:func:`~mmocr_kd.adapters.recognition.hypotheses`) any student can learn.

    Args:
        config: See :class:`~mmocr_kd.distill.ModelTeacher`.
        checkpoint: See there.
        num_readings: How many hypotheses of each word at most, >= 1.
        **fields: Others of ModelTeacher.

    ``n_best.py`` finds the hypotheses, ``teacher_forcing.py`` lets it read along.
    """

    follows_labels = True

    def __init__(self, config: str | dict[str, Any], checkpoint: str, num_readings: int = 5,
                 **fields: Any) -> None:
        super().__init__(config, checkpoint, **fields)
        require_at_least_one('num_readings', num_readings)
        self.num_readings = num_readings
        self._records, self._tells = False, list[str]()

    def identity(self) -> dict[str, Any]:
        """See :meth:`Teacher.identity`."""
        return {**super().identity(), 'num_readings': self.num_readings}

    def bind(self, student: nn.Module, wanted: Mapping[str, SourceLike]) -> None:
        """See :meth:`Teacher.bind`."""
        recorded = {name: what for name, what in wanted.items() if what is not hypotheses}
        self._tells = [name for name in wanted if name not in recorded]
        self._records = bool(recorded)
        super().bind(student, recorded)

    def __call__(self, inputs: Tensor, data_samples: Sequence[Any] | None) -> dict[str, Any]:
        """Look at a batch; see :meth:`Teacher.__call__`."""
        known: dict[str, Any] = super().__call__(inputs, data_samples) if self._records else {}
        if self._tells:
            samples = data_samples or [TextRecogDataSample()] * len(inputs)
            readings = n_best(self.build(), self.prepare(inputs), samples, self.num_readings)
            known |= dict.fromkeys(self._tells, readings)
        return known

    def _look(self, model: nn.Module, images: Tensor, data_samples: Sequence[Any] | None) -> None:
        with teacher_forcing(model):
            model(images, data_samples, mode='tensor')
