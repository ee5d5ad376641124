"""What the student of a DLD model learns beside its own task."""
from __future__ import annotations

from functools import partial
from typing import Any, Callable, Mapping, Sequence

from mmocr.models.textdet.heads import DBHead
from torch import Tensor, nn

from ...adapters import build_terms, rescale_maps, text_logits
from ...adapters.image_sizes import valid_sizes
from ...adapters.recognition import (
    bind_to_read,
    build_reading_losses,
    build_reading_teachers,
    build_reading_terms,
    prepare_targets,
    read_freely,
    reading_term_configs,
)
from ...distill import Comparison, Distiller, ModelTeacher, Teacher
from ...distill.renormalize import Normalization
from ...losses import Reading
from ..spotters import Words
from ..spotters.spotter_protocol import Detected
from ..spotters.spotting_samples import in_input_frame, polygons_of, read_text
from .sharp_words import SharpWords, word_samples
from .shrinking import Shrunk
from .spotted_readings import KINDS
from .spotter_teacher import SpotterTeacher

Run = Callable[[], Mapping[str, Any]]
Read = Callable[[], 'tuple[Mapping[str, Any], Reading | None]']
Known = Mapping[Teacher, dict[str, Any]]
# What DLD's own losses are, and their names in a log: two of one type would share one.
DEFAULTS: dict[str, dict[str, Any]] = {
    'roi': {'type': 'FeatureL2Loss', 'name': 'loss_kd_roi'},
    'context': {'type': 'FeatureL2Loss', 'name': 'loss_kd_context'},
    'sequence': {'type': 'SequenceKDLoss'},
}


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

    def find_by(self, teacher: Teacher, owner: nn.Module, images: Tensor,
                data_samples: Sequence[Any]) -> list[Detected]:
        """Let a teacher find words in the detector's place; :meth:`attach` has to follow.

        Args:
            teacher: One of ``teachers``.
            owner: See :meth:`attach`.
            images: See :meth:`around`.
            data_samples: Likewise.

        Returns:
            Polygons of each image, in its pixels, and scores, by the detector's postprocessor.

        Raises:
            ValueError: If that makes no polygons of maps of text.
        """
        normalizes, detector = detector_in(owner)
        head = getattr(detector, 'det_head', None)
        if not isinstance(head, DBHead):
            raise ValueError(f'evaluate=True: a {type(detector).__name__} makes no polygons out of '
                             'maps of text')
        teacher.bind(normalizes, {'text': text_logits})
        found = head.postprocessor(teacher(images, data_samples)['text'].sigmoid(),
                                   in_input_frame(data_samples))
        return [(polygons_of(one), one.pred_instances.scores) for one in found]

    def _shrunk(self, shrink: Callable[..., Tensor], teacher: Teacher,
                told: Mapping[str, Tensor]) -> dict[str, Tensor]:
        wanted = self.distiller.wanted[teacher]
        return {name: shrink(maps, text=wanted[name] is text_logits)
                for name, maps in told.items()}


class ReadingTerms(nn.ModuleDict):
    """What the recogniser in a DLD model learns of teachers that see the words sharp.

    The student reads at the scale that was drawn, teachers the same words at full resolution: a
    :class:`.SpotterTeacher` in the whole image, others in crops of it (:class:`.SharpWords`). Any
    :class:`~mmocr_kd.losses.ReadingLoss` compares, and what DLD was published with: 'roi',
    'context' and 'sequence', whose ``type`` may be left out.

    Args:
        losses: Name -> config of a loss, or a term, see
            :func:`~mmocr_kd.adapters.recognition.reading_term_configs`. A term may also have
            ``crop``, fields of :class:`.SharpWords` for its teacher. None drops one.
        teacher: Who teaches losses that name nobody else, built; None: nobody.
        decoder: The student's.
        crop: Fields of :class:`.SharpWords` for teachers whose terms have none.

    Raises:
        ValueError, TypeError: If a loss wants a teacher and there is none, or a field is unknown.
    """

    def __init__(self, losses: Mapping[str, dict[str, Any] | None], teacher: Teacher | None,
                 decoder: Any, crop: Mapping[str, Any]) -> None:
        terms = {name: dict(term) for name, term in reading_term_configs(losses).items()}
        crops = {name: term.pop('crop', None) for name, term in terms.items()}
        for name, term in terms.items():
            term['loss'] = {**DEFAULTS.get(name, {}), **term['loss']}
            if 'type' not in term['loss']:
                raise ValueError(f'losses[{name!r}] has no type, which {list(DEFAULTS)} alone may '
                                 'leave out; what trains a selector is objective=dict(...)')
        super().__init__(build_reading_losses(terms))
        built = dict(self.items())
        _, teachers = build_reading_teachers(terms, built, teacher, 'SpotterTeacher')
        self._sharp = {by: SharpWords({**crop, **_crop_for(by, teachers, crops)})
                       for by in teachers.values() if not isinstance(by, SpotterTeacher)}
        self._comparisons: dict[Any, Comparison] = {}
        # Past nn.Module, to whose tree the losses alone belong: the decoder, and what hears how the
        # spotter read.
        self.__dict__.update(_decoder=decoder, _ear=nn.Identity())
        self.distiller = Distiller(build_reading_terms(terms, built, teachers, self._compare))

    def attach(self, model: nn.Module) -> None:
        """Bind the teachers, unless that was done.

        Args:
            model: The DLD model; its data preprocessor says how images are normalised.
        """
        if not self.distiller.attached:
            self.distiller.attach(model, self.__dict__['_ear'])

    def ask(self, inputs: Tensor, data_samples: Sequence[Any], words: Words) -> Known:
        """Let the teachers that are due read; none of them without words.

        Args:
            inputs: The batch at full resolution, shape (B, 3, H, W).
            data_samples: Its B samples.
            words: Its words.

        Raises:
            TeacherOutputError: See :meth:`~mmocr_kd.distill.Distiller.ask`.
        """
        if not len(words) or not self:
            return {}
        return self.distiller.ask(partial(self._look, inputs, data_samples, words), data_samples)

    def around(self, run: Read, words: Words, known: Known) -> dict[str, Any]:
        """Let the student read, and compare.

        Args:
            run: Runs the student; gives its own losses, and how it read, None without words.
            words: What it reads.
            known: What the teachers read, see :meth:`ask`.

        Returns:
            See :meth:`~mmocr_kd.distill.Distiller.end`.
        """
        if not len(words) or not self:
            return self.distiller.rest(run()[0])
        samples = word_samples(words)
        return self.distiller.around(partial(self._hear, run), words.points, samples, known)

    def read_by(self, teacher: Teacher, model: nn.Module, inputs: Tensor,
                data_samples: Sequence[Any], words: Words) -> list[Any]:
        """Let a teacher of words read freely; :meth:`attach` has to follow.

        Args:
            teacher: One that is no spotter.
            model: See :meth:`attach`.
            inputs: See :meth:`ask`.
            data_samples: Likewise.
            words: Likewise.

        Returns:
            Text and scores of the characters of each word.
        """
        if not len(words):
            return []
        bind_to_read(teacher, model)
        crops = self._sharp[teacher](inputs, data_samples, words)
        return [read_text(one) for one in read_freely(teacher, crops, word_samples(words))]

    def _hear(self, run: Read) -> Mapping[str, Any]:
        losses, reading = run()
        self.__dict__['_ear'](reading)
        return losses

    def _look(self, inputs: Tensor, data_samples: Sequence[Any], words: Words,
              teacher: Teacher) -> dict[str, Any]:
        if isinstance(teacher, SpotterTeacher):
            return teacher(inputs, data_samples, words)
        samples = word_samples(words)
        prepare_targets(self.__dict__['_decoder'], samples)
        return teacher(self._sharp[teacher](inputs, data_samples, words), samples)

    def _compare(self, by: Teacher | None, name: str, loss: Any) -> Comparison:
        kind = getattr(loss, 'wants', name)
        if kind not in KINDS:
            raise TypeError(f'losses[{name!r}] is a {type(loss).__name__}, which compares no '
                            f'readings: expected a ReadingLoss, or the names {list(DEFAULTS)}')
        key = by, kind, getattr(loss, 'normalize', None)
        if key not in self._comparisons:
            self._comparisons[key] = KINDS[kind](self.__dict__['_decoder'], by, key[2])
        return self._comparisons[key]


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


def _crop_for(by: Teacher, teachers: Mapping[str, Teacher],
              crops: Mapping[str, Any]) -> dict[str, Any]:
    """What the terms of a teacher say of what it sees; it runs once for all of them."""
    given = {name: crops[name] for name, other in teachers.items()
             if other is by and crops[name] is not None}
    if len({str(dict(crop)) for crop in given.values()}) > 1:
        raise ValueError(f'losses give one {type(by).__name__} different crops, {given}: it reads '
                         'once for all of them; give them the same, or another teacher')
    return dict(next(iter(given.values()), {}))


def crop_of(spotter: Any) -> dict[str, Any]:
    """Fields of :class:`.SharpWords` that cut as a spotter does; none if it cuts no images.

    Args:
        spotter: The model.
    """
    cut = getattr(spotter, 'cut', None)
    names = 'size', 'margin', 'oversample'
    return {name: getattr(cut, name) for name in names if hasattr(cut, name)}


def detector_in(model: Any) -> tuple[nn.Module, nn.Module]:
    """Who normalises what a detector sees, and the detector.

    Args:
        model: A detector, or a spotter that has one as ``detector``; Mask R-CNN's normalises
            nothing itself.
    """
    detector = getattr(model, 'detector', model)
    own = Normalization.of(detector) is not None
    return detector if own else model, detector
