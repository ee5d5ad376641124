"""KD-LTR: a recogniser of small words that learns from one of large words."""
from __future__ import annotations

import copy
from functools import partial
from typing import Any, Mapping, Sequence

from mmocr.models.textrecog.recognizers import BaseRecognizer
from mmocr.registry import MODELS
from torch import Tensor, nn

from ...adapters.recognition import (
    LOW_RES_DIFFERENCES,
    HypothesesComparison,
    ReadingComparison,
    bind_to_read,
    build_reading_losses,
    build_reading_teachers,
    build_reading_terms,
    prepare_targets,
    read_freely,
    reading_term_configs,
    require_comparable,
    same_orders,
    start_from_teacher,
)
from ...distill import Comparison, Distiller, Teacher, keeps_own_start
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
        teacher: Config of who teaches losses that name nobody else; ``type`` is by default
            :class:`~mmocr_kd.adapters.recognition.RecognizerTeacher`, with ``config`` and
            ``checkpoint``. Built when training starts, so testing the student needs none.
        losses: Name -> config of a :class:`~mmocr_kd.losses.ReadingLoss`; or a term, a dict with
            that config as its ``loss`` and any of ``teacher``, ``schedule`` (fields of
            :class:`~mmocr_kd.distill.Schedule`) and ``loss_weight``, a further factor, or 'auto'
            with ``share`` and ``every`` (see :class:`~mmocr_kd.distill.AutoWeight`; the task are
            the losses that need no teacher, the shared features the visual ones). Teachers of
            equal configs are one, who runs once for a batch.
        visual: Dotted path of the module that gives the visual feature, in both models; by
            default what suits the decoder.
        valid_steps: Steps of an attention decoder that count at most. MMOCR never trains the
            last step of its ABINet: with such a teacher give ``max_seq_len - 1``.
        init_student_from_teacher: Start from the teacher's weights, as KD-LTR does; when training
            starts, before ``load_from`` and resuming; ``teacher`` has to be one network. A student
            whose own ``init_cfg`` is of type Pretrained starts from that.
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

    Map: a step ``distill/distiller.py``; what losses compare
    ``adapters/recognition/reading_comparison.py``, out of which modules ``reading_sources.py``
    beside it; the teacher ``recognizer_teacher.py``; labels ``labels.py``; losses ``losses/``.
    """

    def __init__(self,
                 student: dict[str, Any],
                 losses: Mapping[str, dict[str, Any]],
                 teacher: dict[str, Any] | None = None,
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
        terms = reading_term_configs(losses)
        self.losses = nn.ModuleDict(build_reading_losses(terms))
        if not self.losses:
            raise ValueError('losses is empty: nothing is learnt')
        self.visual = visual
        self.valid_steps = valid_steps
        self.init_student_from_teacher = init_student_from_teacher
        self.patch_init = patch_init
        self.may_differ = tuple(may_differ)
        self.eval_mode = eval_mode
        # Plain objects, not modules: teachers must not enter the module tree.
        self._teacher, teachers = build_reading_teachers(terms, dict(self.losses.items()), teacher,
                                                         'RecognizerTeacher')
        self._predicting: Teacher | None = None  # who is bound to predict, not to teach
        self._comparisons: dict[Any, Comparison] = {}
        self.distiller = Distiller(build_reading_terms(terms, dict(self.losses.items()), teachers,
                                                       self._compare))

    def init_weights(self) -> None:
        """Initialise the student, from its teacher if so configured, and get the teacher.

        Raises:
            InheritanceError: If the models differ in more than ``may_differ``.
            TypeError: If the student shall start from a teacher that is no network.
            FileNotFoundError, CheckpointError, ValueError: If there is no teacher, or it does not
                fit; MMEngine calls this before the first training step.
        """
        super().init_weights()
        inherits = self.init_student_from_teacher and not keeps_own_start(self, self.student)
        if inherits:
            network = self._network('init_student_from_teacher=True')
            start_from_teacher(self.student, network.state_dict(), self.patch_init,
                               self.may_differ)
        if self.distiller.teachers:
            self._attach()

    def prepare_data(self, dataset: Any) -> bool:
        """For teachers that do so, see :class:`~mmocr_kd.hooks.TeacherDataHook`."""
        return self.distiller.prepare_data(dataset)

    def extract_feat(self, inputs: Tensor) -> Tensor:
        """The student's features; see MMOCR."""
        return self.student.extract_feat(inputs)

    def loss(self, inputs: Tensor, data_samples: Sequence[Any],
             hr_inputs: Tensor | None = None) -> dict[str, Tensor]:
        """Compare the student's reading with the teacher's.

        Args:
            inputs: Normalised small words, shape (N, C, H, W).
            data_samples: N samples with texts.
            hr_inputs: The same words, large, normalised alike; teachers that look at no image need
                none.

        Returns:
            Loss name -> scalar.

        Raises:
            ValueError: If ``hr_inputs`` or a text is missing, the models do not fit together, or
                no loss is due.
        """
        self._attach()
        teachers = self.distiller.teachers
        large = _required(hr_inputs) if any(t.sees_images for t in teachers) else inputs
        prepare_targets(self.student.decoder, data_samples)
        with same_orders(self.student, teachers, data_samples):
            losses = self.distiller.around(partial(self._read, inputs, data_samples), large,
                                           data_samples)
        if not losses.keys() - {'loss_idle'}:
            raise ValueError(f'none of the losses {list(self.losses)} is due by its schedule, and '
                             'the student learns from nothing else: let one of them always count')
        return losses

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
        if self._teacher is None:
            raise ValueError(f'eval_mode={self.eval_mode!r}, and there is no teacher')
        large = _required(hr_inputs)
        if self.eval_mode == 'teacher_upsampled':
            large = nn.functional.interpolate(
                inputs, size=large.shape[-2:], mode='bicubic', align_corners=True)
        return self.predict_by(self._teacher, inputs, data_samples, large)

    def predict_by(self, teacher: Teacher, inputs: Tensor, data_samples: Sequence[Any],
                   hr_inputs: Tensor | None = None) -> Sequence[Any]:
        """Let a teacher read words in the student's place.

        Args:
            teacher: One network of MMOCR, or who knows hypotheses.
            inputs: As in :meth:`predict`.
            data_samples: N samples.
            hr_inputs: The same words, large; for all but teachers that look at no image.

        Returns:
            The samples with ``pred_text``; of hypotheses the most probable.

        Raises:
            RecordingError: If the teacher is neither.
        """
        large: Any = _required(hr_inputs) if teacher.sees_images else inputs
        if self._predicting is not teacher:
            self.distiller.detach()  # the next training step attaches it again
            bind_to_read(teacher, self)
            self._predicting = teacher
        return read_freely(teacher, large, data_samples)

    def _read(self, inputs: Tensor, data_samples: Sequence[Any]) -> dict[str, Tensor]:
        """Let the student read along; what it learns is in the terms alone."""
        self.student(inputs, data_samples, mode='tensor')
        return {}

    def _attach(self) -> None:
        if not self.distiller.attached:
            self._predicting = None
            self.distiller.attach(self, self.student)

    def _network(self, field: str) -> Any:
        """The one network that teaches."""
        networks = () if self._teacher is None else self._teacher.networks
        if len(networks) != 1:
            raise TypeError(f'{field} needs a teacher that is one network of MMOCR, and '
                            f'teacher={type(self._teacher).__name__} has {len(networks)}')
        require_comparable(self.student.decoder, networks[0].decoder)
        return networks[0]

    def _compare(self, by: Teacher | None, name: str, loss: Any) -> Comparison:
        key = by, loss.wants, getattr(loss, 'normalize', None)
        if key not in self._comparisons:
            self._comparisons[key] = (
                HypothesesComparison(self.student, self.visual, key[2])
                if loss.wants == 'hypotheses' else
                ReadingComparison(self.student, by, self.visual, self.valid_steps))
        return self._comparisons[key]

    def _forward(self, inputs: Tensor, data_samples: Sequence[Any] | None = None,
                 hr_inputs: Tensor | None = None) -> Any:
        return self.student(inputs, data_samples, mode='tensor')


def _required(hr_inputs: Tensor | None) -> Tensor:
    if hr_inputs is None:
        raise ValueError("the batch has no 'hr_inputs', the large words the teacher reads: end the "
                         'pipeline with PackPairedTextRecogInputs, after SynthesizeLR or on '
                         'TextZoomDataset')
    if not isinstance(hr_inputs, Tensor):
        raise ValueError(f'hr_inputs is a {type(hr_inputs).__name__}, not a tensor: the '
                         'data_preprocessor has to be a PairedTextRecogDataPreprocessor')
    return hr_inputs
