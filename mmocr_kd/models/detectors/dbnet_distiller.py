"""A DBNet that learns from a teacher, for what a hook cannot own: trainable adaptors."""
from __future__ import annotations

from typing import Any, Sequence

from mmocr.models.textdet.detectors import DBNet
from mmocr.registry import MODELS
from torch import Tensor, nn

from ...adapters import build_teacher, build_term
from ...distill import Distiller, Schedule, Term, merge_losses


@MODELS.register_module()
class DBNetDistiller(DBNet):
    """DBNet with distillation terms in its loss.

    It is a DBNet in every other way: prediction never involves the teacher, and its keys in a
    checkpoint are DBNet's own. Adaptors, if any, come on top below ``adaptors.`` (they have to
    survive a resume); ``tools/export_student.py`` leaves them out.

    Args:
        teacher: Config of a teacher, as for :class:`~mmocr_kd.hooks.MaskETDistillHook`. Built when
            training starts, so testing needs none.
        terms: One dict per comparison: ``loss``; ``source`` ('text_logits' by default), or
            ``student`` and ``teacher`` where the two differ; and optionally ``adaptor``, the
            config of a module applied to the student's recording.
        schedule: Fields of :class:`~mmocr_kd.distill.Schedule`, for trainings by MMEngine's
            Runner.
        **kwargs: Fields of DBNet.

    Raises:
        ValueError, TypeError: If a field has an unknown value or ``terms`` is empty.
    """

    def __init__(self,
                 teacher: dict[str, Any],
                 terms: Sequence[dict[str, Any]],
                 schedule: dict[str, Any] | None = None,
                 **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if not terms:
            raise ValueError('terms is empty: nothing is distilled')
        self.schedule = Schedule(**(schedule or {}))
        self.adaptors = nn.ModuleDict()
        built = {f'term{i}': self._build_term(f'term{i}', **term) for i, term in enumerate(terms)}
        # A plain object, not a module: the teacher must not enter the module tree.
        self._distiller = Distiller(build_teacher(teacher), built)

    def init_weights(self) -> None:
        """Initialise, and get the teacher: MMEngine does so before the first training step.

        Raises:
            RecordingError, FileNotFoundError, CheckpointError: See
                :class:`~mmocr_kd.distill.Distiller` and ``ModelTeacher``.
        """
        super().init_weights()
        self._distiller.attach(self)

    def prepare_data(self, dataset: Any) -> bool:
        """For teachers that do so, see :class:`~mmocr_kd.hooks.TeacherDataHook`."""
        return self._distiller.prepare_data(dataset)

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
        weight = self.schedule.weight_now()
        if not weight:
            return merge_losses(super().loss(inputs, data_samples), self._idle_losses())
        if not self._distiller.attached:
            self._distiller.attach(self)
        self._distiller.begin(inputs, data_samples)
        losses = super().loss(inputs, data_samples)
        return merge_losses(losses, self._distiller.end(weight))

    def _build_term(self, name: str, adaptor: dict[str, Any] | None = None, **term: Any) -> Term:
        module = None if adaptor is None else MODELS.build(adaptor)
        if module is not None:
            self.adaptors[name] = module
        return build_term(adaptor=module, **term)

    def _idle_losses(self) -> dict[str, Tensor]:
        """Zero, through every adaptor: DDP waits for gradients of all parameters."""
        parameters = list(self.adaptors.parameters())
        if not parameters:
            return {}
        return {'loss_adaptors_idle': sum(p.sum() * 0 for p in parameters)}  # type: ignore[dict-item]
