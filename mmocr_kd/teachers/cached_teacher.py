"""A teacher whose answers lie in a store."""
from __future__ import annotations

import os
from typing import Any, Mapping, Sequence

import numpy as np
import torch
import torch.nn.functional as F
from mmcv.transforms import LoadImageFromFile
from mmocr.registry import MODELS
from torch import Tensor, nn

from ..adapters import build_teacher, text_logits
from ..adapters.recognition import hypotheses, reading_logits
from ..datasets.attach_readings import POSTERIORS, READINGS, AttachReadings, sharp_image
from ..datasets.carry_maps import CarryMaps
from ..datasets.parts import parts
from ..distill import RecordingError, Source, SourceLike, Teacher, TeacherOutputError
from ..store import MapStore, Posteriors, ReadingStore, Store

TEXT = 'text'
EPS = 1 / 510  # half of what 8 bits tell apart: 0 and 255 are logits of -6.2 and 6.2
DIVISOR = 32  # what detectors need sides to be a multiple of


@MODELS.register_module()
class CachedTeacher(Teacher):
    """Reads what a teacher said of each photo or word, instead of asking it in every step.

    ``mmocr-kd cache CONFIG`` asks ``teacher`` once about every training image, not augmented, and
    fills the store; the same config then trains from it, as fast as without a teacher. What was
    said follows each photo through the geometry of the training pipeline and none of its colours
    (:mod:`mmocr_kd.datasets.carry_maps`). Nothing but an index is in memory.

    It knows the text probability map of a detector, in 8 bits, and the ``features`` that were
    asked for; of data sets of words the hypotheses of a recogniser, which saw them in colour. In
    ``DBNetDistiller`` and ``LowResRecognizerDistiller`` it needs ``dict(type='TeacherDataHook')``
    in ``custom_hooks``.

    Args:
        store: Folder of the store.
        teacher: Config of the teacher that fills it. When training starts, the store is compared
            with it, for which it is not built. None: the store is taken as it is.
        long_side: The longer side of a photo as the teacher sees it is at most so many pixels;
            both sides are then rounded to multiples of 32.
        word_size: Height and width of a word as the teacher sees it. None: as large as it is, for
            teachers with a rule of their own (``OnnxTeacher``); networks of MMOCR need it.
        posteriors: Of a CTC recogniser of MMOCR: how many classes of each frame are stored beside
            its hypotheses, for ``SoftLogitsLoss`` and ``SequenceKDLoss`` of a student with the same
            dictionary and frames. 8 classes of 26 frames take 1.1 kB a word.
        features: Module path in the teacher -> how many pixels, of what the teacher sees, a stored
            value is wide, at least as many as a value of its own: these are averaged. Half
            precision. ``dict(neck=16)`` of a DBNet's 256 channels takes 1.1 MB for a photo of 960
            by 544.

    Raises:
        ValueError: If a field is out of range.
        StoreError: From :meth:`prepare_data`, if the store does not fit teacher, preprocessing or
            training photos; the message names a photo and the command that mends it.
        TypeError: Likewise, if the pipeline has a step that maps cannot follow.
        RecordingError: From :meth:`bind`, if something else is wanted.

    Map: what fills the store ``apis/cache.py``; the store ``store/maps.py`` or
    ``store/readings.py``; what brings it through a pipeline ``datasets/carry_maps.py`` or
    ``datasets/attach_readings.py``; who asks ``hooks/masket_distill_hook.py``,
    ``models/detectors/dbnet_distiller.py``, ``models/recognizers/low_res_recognizer_distiller.py``.
    """

    sees_images = False

    def __init__(self, store: str | os.PathLike[str], teacher: dict[str, Any] | None = None,
                 long_side: int = 960, features: Mapping[str, int] | None = None,
                 word_size: tuple[int, int] | None = None, posteriors: int = 0) -> None:
        if not (isinstance(long_side, int) and long_side >= DIVISOR):
            raise ValueError(f'long_side={long_side!r} must be an integer >= {DIVISOR}')
        if word_size is not None and (len(word_size) != 2 or min(word_size) < 1):
            raise ValueError(f'word_size={word_size!r} must be height and width in pixels, or None')
        if not (isinstance(posteriors, int) and posteriors >= 0):
            raise ValueError(f'posteriors={posteriors!r} must be a number of classes >= 0')
        self.posteriors = posteriors
        self.follows_labels = posteriors > 0  # frames are read whatever the label
        self.folder = os.fspath(store)
        self.word_size = None if word_size is None else (word_size[0], word_size[1])
        self.teacher = None if teacher is None else build_teacher(teacher)
        self.long_side = long_side
        self.features = {name: _checked_width(name, width)
                         for name, width in (features or {}).items()}
        self._prefix, self._strides = '', dict[str, int]()
        self._suffix = ''
        self._names: dict[str, str] = {}

    def identity(self) -> dict[str, Any]:
        """Not of a store in a store.

        Raises:
            NotImplementedError: Always.
        """
        raise NotImplementedError('a CachedTeacher is stored already')

    def stored(self, dataset: Any) -> dict[str, Any]:
        """What the store has to be made of and by.

        Args:
            dataset: Training data: how their pipelines load photos counts, as these may be turned.

        Raises:
            ValueError: If there is no ``teacher``.
            NotImplementedError: If it is of a kind that cannot be stored.
            FileNotFoundError: If its weights are not there.
        """
        if self.teacher is None:
            raise ValueError(f'CachedTeacher(store={self.folder!r}) has no teacher=dict(...): '
                             'nobody to ask')
        if are_words(dataset):
            return dict(teacher=self.teacher.identity(), preprocessing=dict(
                word_size=self.word_size, interpolation='bicubic', color_type=['color'],
                posteriors=self.posteriors))
        loads = {loader_of(part).color_type for part in parts(dataset)}
        return dict(teacher=self.teacher.identity(), features=self.features,
                    preprocessing=dict(long_side=self.long_side, divisor=DIVISOR,
                                       interpolation='bilinear', color_type=sorted(loads)))

    @property
    def live(self) -> Teacher:
        """See :meth:`Teacher.live`."""
        if self.teacher is None:
            raise ValueError(f'CachedTeacher(store={self.folder!r}) has no teacher=dict(...), and '
                             'knows no photos but those of the store: name who filled it')
        return self.teacher

    def prepare_data(self, dataset: Any) -> bool:
        """Open the store, look for each photo, and let its pipeline carry the maps.

        Args:
            dataset: Training data, possibly several within wrappers.
        """
        identity = None if self.teacher is None else self.stored(dataset)
        if are_words(dataset):
            self._attach_readings(dataset, ReadingStore(self.folder, identity))
            return True
        store = MapStore(self.folder, identity)
        self._strides = store.manifest['strides']
        for part in parts(dataset):
            store.check([part.get_data_info(i)['img_path'] for i in range(len(part))])
            part.pipeline = CarryMaps(part.pipeline, store.read, self._strides)
            self._prefix = part.pipeline.prefix
        return True

    def _attach_readings(self, dataset: Any, store: ReadingStore) -> None:
        for part in parts(dataset):
            store.check([sharp_image(part.get_data_info(i)) for i in range(len(part))])
            told: dict[str, Any] = {READINGS: store.read}
            if self.posteriors:
                told[POSTERIORS] = store.read_posteriors
            part.pipeline = AttachReadings(part.pipeline, told)
            self._suffix = part.pipeline.suffix

    def bind(self, student: nn.Module, wanted: Mapping[str, SourceLike]) -> None:
        """See :meth:`Teacher.bind`.

        Raises:
            RecordingError: If something is wanted that is not stored; but what belongs to a reading
                and is no logits is left out.
            ValueError: If the student has another dictionary than whose posteriors are stored.
        """
        if self.posteriors and reading_logits in wanted.values():
            wanted = {name: source for name, source in wanted.items()
                      if source in (reading_logits, hypotheses)}
            self._require_same_dictionary(getattr(student, 'student', student))
        self._names = {name: self._stored_as(source) for name, source in wanted.items()}

    def __call__(self, inputs: Tensor, data_samples: Sequence[Any] | None) -> dict[str, Tensor]:
        """See :meth:`Teacher.__call__`.

        Returns:
            Logits (N, H, W) of text, between -6.2 and 6.2, a quarter as high and wide from PSENet
            and PANet; features (N, C, h, w) at the teacher's own stride. Float32, on the device of
            ``inputs``. Where an image is padded to the batch's size, no text, and 0. Of hypotheses
            N lists of ``(text, log-probability)``.

        Raises:
            TeacherOutputError: If samples have no maps, or no readings.
        """
        samples = data_samples or [None]
        found = {stored: self._known(stored, inputs, samples)
                 for stored in set(self._names.values())}
        return {name: found[stored] for name, stored in self._names.items()}

    def _require_same_dictionary(self, student: Any) -> None:
        theirs, ours = Store(self.folder).manifest['dictionary'], student.decoder.dictionary.dict
        if theirs != ours:
            raise ValueError(f'the store {self.folder!r} has posteriors of {len(theirs)} classes, '
                             f'the student reads {len(ours)}, or others: give it the dictionary of '
                             'its teacher, or learn hypotheses (NBestLoss)')

    def _known(self, stored: str, inputs: Tensor, samples: Sequence[Any]) -> Any:
        if stored == READINGS:
            return [_of(sample, READINGS + self._suffix) for sample in samples]
        if stored == POSTERIORS:
            told = [_of(sample, POSTERIORS + self._suffix) for sample in samples]
            return torch.stack([whole(one) for one in told]).to(inputs.device, non_blocking=True)
        name = self._prefix + stored
        return _stacked([_map(sample, name) for sample in samples], inputs, self._strides[stored])

    def _stored_as(self, source: SourceLike) -> str:
        if source is text_logits:
            return TEXT
        if source is hypotheses:
            return READINGS
        if source is reading_logits and self.posteriors:
            return POSTERIORS
        if isinstance(source, Source) and source in map(Source, self.features):
            return source.path
        raise RecordingError(
            f'a CachedTeacher cannot give {source}: it stores text_logits, hypotheses, and whole '
            f'outputs of modules that features=dict(<module path>=<pixels>) names, here '
            f'{self.features}; for all else take the teacher itself, such as a ModelTeacher')


def loader_of(dataset: Any) -> LoadImageFromFile:
    """The step of a data set's pipeline that loads photos.

    Args:
        dataset: A data set with a pipeline.

    Raises:
        TypeError: If there is none.
    """
    for step in dataset.pipeline.transforms:
        step = getattr(step, 'step', step)  # of a pipeline that carries maps already
        if isinstance(step, LoadImageFromFile):
            return step
    raise TypeError(f'{type(dataset).__name__} has no LoadImageFromFile in its pipeline: only '
                    'photos from files can be stored')


def are_words(dataset: Any) -> bool:
    """Whether a data set, or all within wrappers, are of words, not of photos.

    Args:
        dataset: Training data.
    """
    return all(part.metainfo.get('task_name') == 'textrecog' for part in parts(dataset))


def whole(posteriors: Posteriors) -> Tensor:
    """Log-probabilities of all classes; those that are not stored share what is left.

    Args:
        posteriors: Of a word.

    Returns:
        float32, shape (T, C).
    """
    classes = torch.from_numpy(posteriors.classes.astype(np.int64))
    log_probs = torch.from_numpy(posteriors.log_probs.astype(np.float32))
    others = max(posteriors.number - classes.shape[1], 1)
    rest = (1 - log_probs.exp().sum(1, keepdim=True)).clamp(min=1e-6) / others
    return rest.log().repeat(1, posteriors.number).scatter_(1, classes, log_probs)


def _map(sample: Any, name: str) -> Tensor:
    maps = _of(sample, 'teacher_maps')
    if name not in maps:
        raise _unprepared(f'teacher_maps with {name!r}')
    return maps.get(name)


def _of(sample: Any, name: str) -> Any:
    found = None if sample is None else sample.get(name)
    if found is None:
        raise _unprepared(name)
    return found


def _unprepared(what: str) -> TeacherOutputError:
    return TeacherOutputError(
        f'the samples have no {what}: they are no training data, or these were not prepared. '
        "Beside a distilling model put dict(type='TeacherDataHook') into custom_hooks; no other "
        'hook may replace the pipeline of the training data')


def _stacked(maps: Sequence[Tensor], inputs: Tensor, stride: int) -> Tensor:
    """Maps of the images at the top left of a batch."""
    height, width = (-(-length // stride) for length in inputs.shape[-2:])
    stacked = torch.stack([F.pad(one, (0, width - one.shape[-1], 0, height - one.shape[-2]))
                           for one in maps]).to(inputs.device, non_blocking=True)
    if stacked.dtype == torch.uint8:
        return (stacked.float() / 255).logit(EPS)
    return stacked.float()


def _checked_width(name: str, width: int) -> int:
    if not (isinstance(width, int) and width >= 1):
        raise ValueError(f'features={{{name!r}: {width!r}}} must be a number of pixels >= 1')
    return width
