"""A DBNet that learns from a teacher, for what a hook cannot own: trainable adaptors."""
from __future__ import annotations

from typing import Any, Sequence

from mmocr.models.textdet.detectors import DBNet
from mmocr.registry import MODELS
from torch import Tensor, nn

from ...adapters import build_terms
from ...distill import Distiller


@MODELS.register_module()
class DBNetDistiller(DBNet):
    """DBNet with distillation terms in its loss.

    It is a DBNet in every other way: prediction never involves the teacher, and its keys in a
    checkpoint are DBNet's own. Adaptors, if any, come on top below ``adaptors.`` (they have to
    survive a resume); ``tools/export_student.py`` leaves them out.

    Args:
        teacher: Config of a teacher, as for :class:`~mmocr_kd.hooks.MaskETDistillHook`, for terms
            that have none of their own. Built when training starts, so testing needs none.
        terms: One dict per comparison, as in the hook, with fields of
            :func:`~mmocr_kd.adapters.build_term`; ``adaptor`` is the config of a module applied to
            the student's recording.
        schedule: Fields of :class:`~mmocr_kd.distill.Schedule`, for terms that have none, in
            trainings by MMEngine's Runner.
        **kwargs: Fields of DBNet.

    Raises:
        ValueError, TypeError: If a field has an unknown value or ``terms`` is empty.

    Map: terms ``adapters/terms.py``; a step ``distill/distiller.py``, what it compares
    ``distill/comparison.py``; adaptors ``models/adaptors``; losses ``losses/``.
    """

    def __init__(self,
                 teacher: dict[str, Any] | None = None,
                 terms: Sequence[dict[str, Any]] = (),
                 schedule: dict[str, Any] | None = None,
                 **kwargs: Any) -> None:
        super().__init__(**kwargs)
        built = build_terms(terms, teacher, schedule)
        self.adaptors = nn.ModuleDict({name: adaptor for name, term in built.items()
                                       if (adaptor := term.comparison.adaptor) is not None})
        # A plain object, not a module: the teacher must not enter the module tree.
        self.distiller = Distiller(built)

    def init_weights(self) -> None:
        """Initialise, and get the teacher: MMEngine does so before the first training step.

        Raises:
            RecordingError, FileNotFoundError, CheckpointError: See
                :class:`~mmocr_kd.distill.Distiller` and ``ModelTeacher``.
        """
        super().init_weights()
        self.distiller.attach(self)

    def prepare_data(self, dataset: Any) -> bool:
        """For teachers that do so, see :class:`~mmocr_kd.hooks.TeacherDataHook`."""
        return self.distiller.prepare_data(dataset)

    def loss(self, inputs: Tensor, data_samples: Sequence[Any]) -> dict[str, Tensor]:
        """DBNet's losses and, when due, the distillation terms.

        Args:
            inputs: Normalised images, shape (N, 3, H, W).
            data_samples: N samples with ground truth.

        Returns:
            Loss name -> scalar.

        Raises:
            RecordingError, TeacherOutputError, FileNotFoundError, CheckpointError: See
                :class:`~mmocr_kd.distill.Distiller` and ``ModelTeacher``.
        """
        if not self.distiller.attached:
            self.distiller.attach(self)
        return self.distiller.around(lambda: super(DBNetDistiller, self).loss(
            inputs, data_samples), inputs, data_samples)
