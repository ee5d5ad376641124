"""What the student of a DLD model learns beside its own task."""
from __future__ import annotations

from functools import partial
from typing import Any, Callable, Mapping, Sequence

from torch import Tensor, nn

from ...adapters import build_terms, rescale_maps, text_logits
from ...adapters.image_sizes import valid_sizes
from ...distill import Distiller, ModelTeacher, Teacher
from ...distill.renormalize import Normalization
from .shrinking import Shrunk
from .spotter_teacher import SpotterTeacher

Run = Callable[[], Mapping[str, Tensor]]


class DetectorTerms:
    """Terms of the detector in a DLD model: teachers see whole images, the student shrunk ones.

    What teachers say of the images at full resolution is shrunk with each of them (see
    :func:`~mmocr_kd.adapters.rescale_maps`); masks are drawn from the shrunk annotations. At scale
    1 this is what ``DBNetDistiller`` and ``MaskETDistillHook`` do.

    A plain object; its owner keeps ``adaptors`` where they are trained and saved.

    Args:
        terms: One dict per comparison, with fields of :func:`~mmocr_kd.adapters.build_term`.
        teacher: Who teaches in terms that do not say: the detector of a spotter, or a config.
        schedule: Of terms that have none, see there.
        prefix: Of the names of their losses.

    Raises:
        ValueError, TypeError: See :func:`~mmocr_kd.adapters.build_terms`.
    """

    def __init__(self, terms: Sequence[dict[str, Any]], teacher: Any = None,
                 schedule: dict[str, Any] | None = None, prefix: str = '') -> None:
        if isinstance(teacher, SpotterTeacher):
            teacher = DetectorOfSpotter(teacher)
        self.distiller = Distiller(build_terms(terms, teacher, schedule), prefix)

    @property
    def adaptors(self) -> nn.ModuleDict:
        """The trainable ones, by term."""
        found = {name: term.comparison.adaptor for name, term in self.distiller.terms.items()}
        return nn.ModuleDict({name: part for name, part in found.items() if part is not None})

    @property
    def teachers(self) -> list[Teacher]:
        """Those that are nobody else's."""
        return [teacher for teacher in self.distiller.teachers
                if not isinstance(teacher, DetectorOfSpotter)]

    def attach(self, owner: nn.Module) -> None:
        """Listen to the detector and bind the teachers to it, unless that was done.

        Args:
            owner: The detector, or the spotter it is in.
        """
        if not self.distiller.attached:
            self.distiller.attach(*detector_in(owner))

    def around(self, run: Run, images: Tensor, data_samples: Sequence[Any],
               small: Shrunk) -> dict[str, Tensor]:
        """Let the teachers look, then the student, and compare.

        Args:
            run: Runs the student on the shrunk batch; gives its own losses.
            images: The batch at full resolution, as the detector sees it, shape (B, 3, H, W).
            data_samples: Its B samples.
            small: The same, shrunk.

        Returns:
            See :meth:`~mmocr_kd.distill.Distiller.end`.

        Raises:
            TeacherOutputError: Likewise.
        """
        known = self.distiller.ask(lambda teacher: teacher(images, data_samples), data_samples)
        shrink = partial(rescale_maps, canvas=(images.shape[2], images.shape[3]),
                         old=valid_sizes(images, data_samples),
                         new=valid_sizes(small.inputs, small.data_samples),
                         new_canvas=(small.inputs.shape[2], small.inputs.shape[3]))
        theirs = {teacher: self._shrunk(shrink, teacher, told) for teacher, told in known.items()}
        return self.distiller.around(run, small.inputs, small.data_samples, theirs)

    def _shrunk(self, shrink: Callable[..., Tensor], teacher: Teacher,
                told: Mapping[str, Tensor]) -> dict[str, Tensor]:
        wanted = self.distiller.wanted[teacher]
        return {name: shrink(maps, text=wanted[name] is text_logits)
                for name, maps in told.items()}


class DetectorOfSpotter(ModelTeacher):
    """The detector in a spotter that teaches reading.

    Args:
        spotter: Who has it; built once for both.
    """

    def __init__(self, spotter: SpotterTeacher) -> None:
        super().__init__(spotter.config, spotter.checkpoint)
        self.dtype = spotter.dtype
        self._spotter = spotter

    def _build(self) -> nn.Module:
        normalizes, detector = detector_in(self._spotter.build())
        detector.data_preprocessor = normalizes.data_preprocessor  # Mask R-CNN's has none
        return detector


def detector_in(model: Any) -> tuple[nn.Module, nn.Module]:
    """Who normalises what a detector sees, and the detector.

    Args:
        model: A detector, or a spotter that has one as ``detector``; Mask R-CNN's normalises
            nothing itself.
    """
    detector = getattr(model, 'detector', model)
    own = Normalization.of(detector) is not None
    return detector if own else model, detector
