"""A teacher in an ONNX file: a text detector or a CTC recogniser of whatever origin."""
from __future__ import annotations

import math
import os
from pathlib import Path
from typing import Any, Callable, Mapping, Sequence

import torch
import torch.nn.functional as F
from mmocr.registry import MODELS
from torch import Tensor, nn

from ..adapters import text_logits
from ..adapters.recognition import hypotheses
from ..distill import (
    Normalization,
    RecordingError,
    Renormalize,
    SourceLike,
    Teacher,
    TeacherOutputError,
    digest_of,
)
from ..losses import best_labels
from ..losses.checks import require_at_least_one, require_choice
from .onnx_network import OnnxNetwork
from .rapidocr_models import rapidocr_model

OUTPUTS = ('probabilities', 'logits')
# Probabilities of float32 reach 0 and 1, whose logits nobody can learn: +-9.2 is as far as we go.
EPS = 1e-4
DIVISOR = 32  # what PP-OCR's detectors need sides to be a multiple of
TOLERANCE = 1e-3  # by which a softmax of float16 may leave 0..1

Readings = list[list[tuple[str, float]]]


@MODELS.register_module()
class OnnxTeacher(Teacher):
    """Runs a DB detector or a CTC recogniser with ONNX Runtime, on the CPU.

    What it is asked for decides what the model has to be: 'text_logits' are those of a detector's
    probability map, at the size of the student's batch; 'hypotheses' are what a recogniser may
    have read, its best labels by prefix beam search, with log-probabilities. There are no other
    recordings: a file shows no features.

    It undoes the student's normalisation and applies its own. Detectors see the student's images,
    shrunk if they are large and with sides rounded to multiples of 32, as in PaddleOCR. Recognisers
    see words at their own height and at the proportions the words had in their photos
    (``ori_shape``), without the padding (``valid_ratio``), at the left of a grey canvas, as
    PP-OCR's do; a word's reading does not depend on the batch it is in.

    Images of a student on a GPU come to the CPU first, for which the host waits: a store
    (``mmocr-kd cache``, then ``CachedTeacher``) asks the teacher once per image instead of once
    per epoch.

    Args:
        model: Path of an .onnx file, or 'rapidocr': PP-OCR's small detector or recogniser inside
            that package, as it configures them.
        mean: Of the pixels, per channel in the model's order, on the 0..255 scale; known for
            'rapidocr'.
        std: Likewise.
        bgr_to_rgb: Whether the model expects RGB; PP-OCR's expect BGR.
        output: Whether the model gives 'probabilities' or 'logits'.
        max_side: Longest side of what a detector sees, in pixels; larger images are shrunk.
        word_size: Height and least width of what a recogniser sees, in pixels; what the file fixes
            counts more.
        keep_ratio: Whether words keep their proportions; else they are stretched to the width of
            ``word_size``, as for MMOCR's CRNN.
        dictionary: File of the recogniser's characters, one per line in the order of its classes;
            None: the file's metadata has them, as PP-OCR's have. If there is one class more, it is
            the space, after them.
        blank_idx: Class of CTC's blank; -1: the last one. Characters are numbered around it.
        num_readings: How many readings of each word at most, >= 1.

    Raises:
        ValueError: If a field has an impossible value.
        ImportError, FileNotFoundError, ValueError: From :meth:`bind`, if a package or file is
            missing or does not fit.

    ``onnx_network.py`` runs the file, ``rapidocr_models.py`` finds PP-OCR's,
    ``distill/renormalize.py`` turns the student's pixels into the model's,
    ``losses/ctc/search.py`` finds the best labels.
    """

    def __init__(self,
                 model: str | os.PathLike[str],
                 mean: Sequence[float] | None = None,
                 std: Sequence[float] | None = None,
                 bgr_to_rgb: bool = False,
                 output: str = 'probabilities',
                 max_side: int = 960,
                 word_size: tuple[int, int] = (48, 320),
                 keep_ratio: bool = True,
                 dictionary: str | None = None,
                 blank_idx: int = 0,
                 num_readings: int = 5) -> None:
        require_choice('output', output, OUTPUTS)
        require_at_least_one('max_side', max_side)
        require_at_least_one('num_readings', num_readings)
        if model != 'rapidocr' and (mean is None or std is None):
            raise ValueError(f'model={model!r} needs mean and std, of its pixels on the 0..255 '
                             "scale; only of 'rapidocr' they are known")
        if len(word_size) != 2 or min(word_size) < 1:
            raise ValueError(f'word_size={word_size!r} must be height and width in pixels, >= 1')
        self.model = os.fspath(model)
        self.mean, self.std, self.bgr_to_rgb = mean, std, bgr_to_rgb
        self.output = output
        self.max_side = max_side
        self.word_size, self.keep_ratio = tuple(word_size), keep_ratio
        self.dictionary, self.blank_idx = dictionary, blank_idx
        self.num_readings = num_readings
        self._ask: dict[str, Callable[[Tensor, Sequence[Any] | None], Any]] = {}

    def bind(self, student: nn.Module, wanted: Mapping[str, SourceLike]) -> None:
        """Load the model; see :meth:`Teacher.bind`.

        Raises:
            RecordingError: If something else is wanted than 'text_logits' or 'hypotheses', or both.
            ImportError, FileNotFoundError, ValueError: See the class.
        """
        known: dict[Any, Any] = {text_logits: self._detect, hypotheses: self._recognise}
        foreign = {name: what for name, what in wanted.items() if what not in known}
        if foreign:
            raise RecordingError(
                f'an OnnxTeacher cannot give {foreign}: it knows the text_logits of a detector or '
                'the hypotheses of a recogniser; features need a ModelTeacher')
        if len(set(wanted.values())) > 1:
            raise RecordingError('an OnnxTeacher is a detector or a recogniser, not both: '
                                 f'{list(wanted)} need two teachers')
        self._ask = {name: known[what] for name, what in wanted.items()}
        if wanted:
            self._load('det' if text_logits in wanted.values() else 'rec', student)

    @torch.no_grad()
    def __call__(self, inputs: Tensor, data_samples: Sequence[Any] | None) -> dict[str, Any]:
        """Look at a batch; see :meth:`Teacher.__call__`.

        Returns:
            For 'text_logits' float32 (N, H, W) on the device of ``inputs``. For 'hypotheses' N
            lists of ``(text, log-probability)``, best first, in the teacher's own characters.

        Raises:
            TeacherOutputError: If the model gives NaN or Inf, or no probabilities.
            ValueError: If it cannot be run on these images, or gives another shape than expected.
        """
        images = self._renormalize(inputs.float()).cpu()
        answers = {ask: ask(images, data_samples) for ask in set(self._ask.values())}
        return {name: _to(answers[ask], inputs.device) for name, ask in self._ask.items()}

    def identity(self) -> dict[str, Any]:
        """See :meth:`Teacher.identity`: digests of the files, and all fields."""
        files, pixels = [Path(self.model)], [(self.mean, self.std)]
        if self.model == 'rapidocr':
            known = [rapidocr_model(task) for task in ('det', 'rec')]
            files = [model.path for model in known]
            pixels = [(self.mean or model.mean, self.std or model.std) for model in known]
        dictionary = self.dictionary and digest_of(Path(self.dictionary))
        return dict(type=type(self).__name__, model=[digest_of(file) for file in files],
                    pixels=pixels, bgr_to_rgb=self.bgr_to_rgb, output=self.output,
                    max_side=self.max_side, word_size=list(self.word_size),
                    keep_ratio=self.keep_ratio, dictionary=dictionary, blank_idx=self.blank_idx,
                    num_readings=self.num_readings)

    def _load(self, task: str, student: nn.Module) -> None:
        path, mean, std = self.model, self.mean, self.std
        if self.model == 'rapidocr':
            found = rapidocr_model(task)
            path, mean, std = str(found.path), mean or found.mean, std or found.std
        assert mean is not None and std is not None
        self._network = OnnxNetwork(path)
        expects = Normalization(tuple(mean), tuple(std), self.bgr_to_rgb, self._network.channels)
        self._renormalize = Renormalize(Normalization.of(student), expects)
        if task == 'rec':
            self._characters = self._read_dictionary()

    # Detectors

    def _detect(self, images: Tensor, data_samples: Sequence[Any] | None) -> Tensor:
        size = images.shape[-2:]
        maps = self._network(_resize(images, self._detector_size(*size)))
        maps = maps[:, 0] if maps.dim() == 4 and maps.shape[1] == 1 else maps
        if maps.dim() != 3:
            raise ValueError(f'model={self.model!r} gave {tuple(maps.shape)}, expected a map of '
                             'probabilities (N, 1, h, w) or (N, h, w): is it a text detector?')
        maps = self._checked(maps.float(), data_samples)
        probs = maps.sigmoid() if self.output == 'logits' else maps
        return _resize(probs[:, None], size)[:, 0].logit(EPS)

    def _detector_size(self, height: int, width: int) -> tuple[int, int]:
        """As PaddleOCR's ``limit_type='max'``."""
        ratio = min(1., self.max_side / max(height, width))
        rounded = (max(round(int(side * ratio) / DIVISOR), 1) * DIVISOR for side in (height, width))
        return (self._network.height or next(rounded)), (self._network.width or next(rounded))

    # Recognisers

    def _recognise(self, images: Tensor, data_samples: Sequence[Any] | None) -> Readings:
        samples = data_samples or [{}] * len(images)
        words = [self._word(image, sample) for image, sample in zip(images, samples)]
        readings: Readings = [[] for _ in words]
        for width in sorted({word.shape[-1] for word in words}):
            alike = [index for index, word in enumerate(words) if word.shape[-1] == width]
            found = self._read(torch.stack([words[index] for index in alike]),
                               [samples[index] for index in alike])
            for index, reading in zip(alike, found):
                readings[index] = reading
        return readings

    def _word(self, image: Tensor, sample: Any) -> Tensor:
        """What the recogniser sees of a word, (C, height, width)."""
        height = self._network.height or self.word_size[0]
        valid = math.ceil(image.shape[-1] * min(1., sample.get('valid_ratio', 1.)))
        image = image[None, :, :, :max(valid, 1)]
        ratio = _proportions(sample, image)
        canvas = self._network.width or self.word_size[1]
        if not self.keep_ratio:
            return _resize(image, (height, canvas))[0]
        if self._network.width is None:
            canvas = max(canvas, int(height * ratio))
        width = max(min(math.ceil(height * ratio), canvas), 1)
        return F.pad(_resize(image, (height, width))[0], (0, canvas - width))

    def _read(self, words: Tensor, samples: Sequence[Any]) -> Readings:
        frames = self._network(words)
        if frames.dim() != 3:
            raise ValueError(f'model={self.model!r} gave {tuple(frames.shape)} for {len(words)} '
                             'words, expected (N, frames, classes): is it a CTC recogniser?')
        frames = self._checked(frames.float(), samples)
        number, steps, classes = frames.shape
        characters = self._by_class(classes)
        log_probs = (frames.log_softmax(2) if self.output == 'logits' else
                     frames.clamp(min=torch.finfo(frames.dtype).tiny).log())
        best = best_labels(log_probs, torch.full((number, ), steps), self.blank_idx % classes,
                           self.num_readings)
        return [[(''.join(characters[index] for index in label[:length]), log_prob)
                 for label, length, log_prob in zip(*word) if log_prob > -math.inf]
                for word in zip(best.indexes.tolist(), best.lengths.tolist(),
                                best.log_probs.tolist())]

    def _by_class(self, classes: int) -> list[str]:
        """Character of each class; '' is the blank's."""
        characters = list(self._characters)
        if classes == len(characters) + 2:
            characters.append(' ')
        if classes != len(characters) + 1 or not -classes <= self.blank_idx < classes:
            raise ValueError(
                f'model={self.model!r} has {classes} classes, blank_idx={self.blank_idx} and a '
                f'dictionary of {len(self._characters)} characters: expected one class more, for '
                'the blank, or two, for blank and space')
        characters.insert(self.blank_idx % classes, '')
        return characters

    def _read_dictionary(self) -> list[str]:
        characters = self._network.characters
        if self.dictionary is not None:
            with open(self.dictionary, encoding='utf-8') as file:
                characters = file.read().rstrip('\n').split('\n')
        if not characters:
            raise ValueError(f'model={self.model!r} has no dictionary in its metadata: give it as '
                             'dictionary=..., a file of one character per line')
        return characters

    # Both

    def _checked(self, values: Tensor, data_samples: Sequence[Any] | None) -> Tensor:
        paths = [sample.get('img_path', '?') for sample in data_samples or []]
        low, high = (float(bound) for bound in values.aminmax())  # NaN if there is one
        if not (math.isfinite(low) and math.isfinite(high)):
            raise TeacherOutputError(f'model={self.model!r} gave NaN or Inf on the batch {paths}: '
                                     'check its mean, std and these images')
        if self.output == 'probabilities' and not -TOLERANCE <= low <= high <= 1 + TOLERANCE:
            raise TeacherOutputError(
                f'model={self.model!r} gave values from {low:.3g} to {high:.3g}, no probabilities: '
                "give output='logits' if that is what they are")
        return values


def _resize(images: Tensor, size: Sequence[int]) -> Tensor:
    """Bilinear, as OpenCV does it."""
    if tuple(images.shape[-2:]) == tuple(size):
        return images
    return F.interpolate(images, tuple(size), mode='bilinear', align_corners=False)


def _proportions(sample: Any, image: Tensor) -> float:
    """Width over height of the word as it was in its photo."""
    height, width = sample.get('ori_shape', image.shape[-2:])[:2]
    return width / max(height, 1)


def _to(answer: Any, device: torch.device) -> Any:
    return answer.to(device, non_blocking=True) if isinstance(answer, Tensor) else answer
