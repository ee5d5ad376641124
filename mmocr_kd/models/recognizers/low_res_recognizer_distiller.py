"""KD-LTR: a recogniser of small words that learns from one of large words."""
from __future__ import annotations

import copy
from typing import Any, Mapping, Sequence

from mmocr.models.textrecog.recognizers import BaseRecognizer
from mmocr.registry import MODELS
from torch import Tensor, nn

from ...adapters import build_teacher
from ...adapters.recognition import (
    LOW_RES_DIFFERENCES,
    PairReader,
    RecognizerTeacher,
    start_from_teacher,
)
from ...distill import keeps_own_start
from ...losses import Labels, Reading
from .plain_student_keys import PlainStudentKeys

EVAL_MODES = ('student', 'teacher_hr', 'teacher_upsampled')


@MODELS.register_module()
class LowResRecognizerDistiller(PlainStudentKeys, BaseRecognizer):
    """Trains a low-resolution recogniser beside a frozen high-resolution one (KD-LTR).

    The student reads ``inputs``, the teacher reads the same words enlarged, ``hr_inputs``; the
    losses compare the two readings and replace the student's own loss. Prediction is the
    student's and needs neither teacher nor ``hr_inputs``. Checkpoints have the student's plain
    keys; trainable parts of the losses come on top below ``losses.`` (they have to survive a
    resume), ``tools/export_student.py`` leaves them out.

    Args:
        student: Config of any recogniser with a decoder that
            :func:`~mmocr_kd.adapters.recognition.reading_sources` knows.
        teacher: ``config`` and ``checkpoint``, as for :class:`~mmocr_kd.distill.ModelTeacher`.
            Built when training starts, so testing the student needs none.
        losses: Name -> config of a :class:`~mmocr_kd.losses.ReadingLoss`.
        visual: Dotted path of the module that gives the visual feature, in both models; by
            default what suits the decoder.
        valid_steps: Steps of an attention decoder that count at most. MMOCR never trains the
            last step of its ABINet: with such a teacher give ``max_seq_len - 1``.
        init_student_from_teacher: Start from the teacher's weights, as KD-LTR does; when training
            starts, before ``load_from`` and resuming. A student whose own ``init_cfg`` is of type
            Pretrained starts from that.
        patch_init: How a smaller patch embedding starts, see
            :func:`~mmocr_kd.adapters.recognition.start_from_teacher`.
        may_differ: Patterns of keys in which the models may differ, see there.
        eval_mode: Who predicts. 'student'; 'teacher_hr': the teacher on ``hr_inputs``, which the
            test pipeline has to pack; 'teacher_upsampled': the teacher on ``inputs`` enlarged to
            the size of ``hr_inputs``, of which nothing else counts (bicubic, corners aligned: the
            baseline of the paper, which enlarges twofold).
        data_preprocessor: By default the student's, extended to ``hr_inputs``.
        init_cfg: As in MMEngine.

    Raises:
        ValueError, TypeError: If a field has an unknown value or ``losses`` is empty.
    """

    def __init__(self,
                 student: dict[str, Any],
                 teacher: dict[str, Any],
                 losses: Mapping[str, dict[str, Any]],
                 visual: str | None = None,
                 valid_steps: int | None = None,
                 init_student_from_teacher: bool = True,
                 patch_init: str = 'sum_pool',
                 may_differ: Sequence[str] = LOW_RES_DIFFERENCES,
                 eval_mode: str = 'student',
                 data_preprocessor: dict[str, Any] | None = None,
                 init_cfg: Any = None) -> None:
        if data_preprocessor is None:
            data_preprocessor = student.get('data_preprocessor') or {}
            data_preprocessor = {**data_preprocessor, 'type': 'PairedTextRecogDataPreprocessor'}
        super().__init__(data_preprocessor, init_cfg)
        if eval_mode not in EVAL_MODES:
            raise ValueError(f'eval_mode={eval_mode!r} is unknown: use one of {EVAL_MODES}')
        if valid_steps is not None and valid_steps < 1:
            raise ValueError(f'valid_steps={valid_steps} must be at least 1, or None for all steps')
        # A copy: MMOCR's decoders write into their configs.
        self.student: Any = MODELS.build(copy.deepcopy(student))
        self.losses = nn.ModuleDict({name: MODELS.build(loss) for name, loss in losses.items()})
        if not self.losses:
            raise ValueError('losses is empty: nothing is learnt')
        self.init_student_from_teacher = init_student_from_teacher
        self.patch_init = patch_init
        self.may_differ = tuple(may_differ)
        self.eval_mode = eval_mode
        self._needs_teacher = any(loss.needs_teacher for loss in self.losses.values())
        # A plain object, not a module: the teacher must not enter the module tree.
        self._reader = PairReader(_recognizer_teacher(teacher), visual, valid_steps)

    def init_weights(self) -> None:
        """Initialise the student, from its teacher if so configured, and get the teacher.

        Raises:
            InheritanceError: If the models differ in more than ``may_differ``.
            FileNotFoundError, CheckpointError, ValueError: If there is no teacher, or it does not
                fit; MMEngine calls this before the first training step.
        """
        super().init_weights()
        inherits = self.init_student_from_teacher and not keeps_own_start(self, self.student)
        if inherits or self._needs_teacher:
            teacher = self._reader.bind(self)
        if inherits:
            start_from_teacher(self.student, teacher.state_dict(), self.patch_init,
                               self.may_differ)

    def extract_feat(self, inputs: Tensor) -> Tensor:
        """The student's features; see MMOCR."""
        return self.student.extract_feat(inputs)

    def loss(self, inputs: Tensor, data_samples: Sequence[Any],
             hr_inputs: Tensor | None = None) -> dict[str, Tensor]:
        """Compare the student's reading with the teacher's.

        Args:
            inputs: Normalised small words, shape (N, C, H, W).
            data_samples: N samples with texts.
            hr_inputs: The same words, large, normalised alike.

        Returns:
            Loss name -> scalar.

        Raises:
            ValueError: If ``hr_inputs`` or a text is missing, or the models do not fit together.
        """
        student, teacher, labels = self._read(inputs, data_samples, hr_inputs)
        results: dict[str, Tensor] = {}
        for name, loss in self.losses.items():
            for key, value in loss(student, teacher, labels).items():
                results[f'{name}.{key}' if key in results else key] = value
        return results

    def predict(self, inputs: Tensor, data_samples: Sequence[Any],
                hr_inputs: Tensor | None = None) -> Sequence[Any]:
        """Read words, with the model that ``eval_mode`` names.

        Args:
            inputs: Normalised small words, shape (N, C, H, W).
            data_samples: N samples.
            hr_inputs: The same words, large; for 'teacher_hr' and 'teacher_upsampled'.

        Returns:
            The samples with ``pred_text``.

        Raises:
            ValueError: If the teacher predicts and ``hr_inputs`` are missing.
        """
        if self.eval_mode == 'student':
            return self.student.predict(inputs, data_samples)
        teacher, large = self._reader.bind(self), _required(hr_inputs)
        if self.eval_mode == 'teacher_upsampled':
            large = nn.functional.interpolate(
                inputs, size=large.shape[-2:], mode='bicubic', align_corners=True)
        return teacher.predict(self._reader.teacher.prepare(large), data_samples)

    def _read(self, inputs: Tensor, data_samples: Sequence[Any],
              hr_inputs: Tensor | None) -> tuple[Reading, Reading, Labels]:
        if self._needs_teacher:
            return self._reader.read_pair(self, inputs, _required(hr_inputs), data_samples)
        reading, labels = self._reader.read_alone(self, inputs, data_samples)
        return reading, reading, labels

    def _forward(self, inputs: Tensor, data_samples: Sequence[Any] | None = None,
                 hr_inputs: Tensor | None = None) -> Any:
        return self.student(inputs, data_samples, mode='tensor')


def _recognizer_teacher(teacher: dict[str, Any]) -> RecognizerTeacher:
    built = build_teacher({'type': 'RecognizerTeacher', **teacher})
    if not isinstance(built, RecognizerTeacher):
        raise TypeError(f'teacher={teacher!r} builds a {type(built).__name__}, which is no '
                        'RecognizerTeacher')
    return built


def _required(hr_inputs: Tensor | None) -> Tensor:
    if hr_inputs is None:
        raise ValueError("the batch has no 'hr_inputs', the large words the teacher reads: end the "
                         'pipeline with PackPairedTextRecogInputs, after SynthesizeLR or on '
                         'TextZoomDataset')
    if not isinstance(hr_inputs, Tensor):
        raise ValueError(f'hr_inputs is a {type(hr_inputs).__name__}, not a tensor: the '
                         'data_preprocessor has to be a PairedTextRecogDataPreprocessor')
    return hr_inputs
