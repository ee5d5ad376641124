"""Labels by a teacher: polygons of the text on photos, and what words say, as files of MMOCR."""
from __future__ import annotations

import copy
import json
import math
import os
from collections import Counter
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Callable, Iterator, Sequence

import cv2
import mmcv
import numpy as np
import torch
from mmcv.transforms import Compose, LoadAnnotations, LoadImageFromFile
from mmengine.config import Config
from mmengine.model import ImgDataPreprocessor
from mmengine.registry import init_default_scope
from mmocr.models.textdet.postprocessors import DBPostprocessor
from mmocr.registry import TRANSFORMS
from mmocr.structures import TextDetDataSample, TextRecogDataSample
from mmocr.utils import poly2bbox
from torch import Tensor, nn

from ..adapters import build_teacher, text_logits
from ..adapters.recognition import hypotheses
from ..datasets.unlabelled import find_photos
from ..datasets.unlabelled.unlabelled_datasets import quad_of, read_boxes
from ..distill import Teacher
from ..losses.checks import require_at_least_one, require_positive, require_share
from ..reader.quads import quad_size, reading_order, upright
from ..store import MapStore
from ..store.files import write_whole
from .cache import seen_size
from .distillation import find_distillation
from .read_config import class_of, read_config

DOUBT = 0.3  # probability from which on there may be text, DB's own threshold
Entry = dict[str, Any]


@dataclass(frozen=True)
class PhotoRules:
    """How maps become polygons.

    Args:
        floor: Regions whose mean probability is at least this are text; others above
            :data:`DOUBT` are marked as ignored: neither text nor background (our choice).
        unclip: How far polygons grow beyond the map's shrunk text, times area / perimeter. DB uses
            1.5; maps of PP-OCR, whose regions are larger, want 1.4.
        shape: 'quad' or 'poly'.
        long_side: Photos are shown to the teacher with a longer side of at most this, in pixels.

    Raises:
        ValueError: If a field is out of range.
    """

    floor: float = 0.6
    unclip: float = 1.5
    shape: str = 'quad'
    long_side: int = 960

    def __post_init__(self) -> None:
        require_share('floor', self.floor)
        require_positive('unclip', self.unclip)
        require_at_least_one('long_side', self.long_side)
        if self.shape not in ('quad', 'poly'):
            raise ValueError(f"shape={self.shape!r} is unknown: use 'quad' or 'poly'")


class Labelling:
    """A file of labels that is about to be written; stopped, it goes on where it was.

    Finished entries stand in ``<out>.part``, a line each, until all are there.

    Args:
        out: JSON file to write.
        names: What has to be labelled.
        ask: Name -> its entries of the file; each has ``img_path`` and ``instances``.
        made_by: How they are made; a part that was made otherwise is refused.
        metainfo: That of the data set.

    Raises:
        FileExistsError: If ``out`` is there already.
        ValueError: If there is a part that was made otherwise.
    """

    def __init__(self, out: str, names: Sequence[str], ask: Callable[[str], list[Entry]],
                 made_by: dict[str, Any], metainfo: dict[str, Any]) -> None:
        self.out, self.part = Path(out), Path(f'{out}.part')
        self.names, self.ask, self.metainfo = list(names), ask, metainfo
        self.made_by = json.loads(json.dumps(made_by))
        self.done: dict[str, list[Entry]] = {}
        if self.out.exists():
            raise FileExistsError(f'{out!r} is there already: remove it, or give another --out')
        if self.part.exists():
            self._go_on()

    def run(self) -> Iterator[list[Entry]]:
        """Label what is missing, then write the file.

        Yields:
            The entries of each name.

        Raises:
            OSError, ValueError: If a photo cannot be read, or there is no room; what was done so
                far stays.
        """
        self.out.parent.mkdir(parents=True, exist_ok=True)
        if not self.done:
            self._note({'made_by': self.made_by}, 'w')
        for name in self.names:
            if name not in self.done:
                self.done[name] = self.ask(name)
                self._note({'name': name, 'entries': self.done[name]})
            yield self.done[name]
        data = [entry for name in self.names for entry in self.done[name]]
        text = json.dumps({'metainfo': self.metainfo, 'made_by': self.made_by, 'data_list': data},
                          ensure_ascii=False)
        write_whole(self.out, text.encode())
        self.part.unlink()

    def _note(self, line: dict[str, Any], mode: str = 'a') -> None:
        with open(self.part, mode, encoding='utf-8') as file:
            file.write(json.dumps(line, ensure_ascii=False) + '\n')

    def _go_on(self) -> None:
        whole = [line for line in self.part.read_bytes().splitlines(keepends=True)
                 if line.endswith(b'\n')]  # the last one may be cut off
        lines = [json.loads(line) for line in whole]
        made_by = lines[0].get('made_by') if lines else self.made_by
        if made_by != self.made_by:
            other = sorted(key for key in {*made_by, *self.made_by}
                           if made_by.get(key) != self.made_by.get(key))
            raise ValueError(f'{str(self.part)!r} was begun with another {", ".join(other)}: go on '
                             'with what it was begun with, or remove it')
        self.done = {line['name']: line['entries'] for line in lines[1:]}
        write_whole(self.part, b''.join(whole))


def label_photos(source: str, folder: str, out: str, rules: PhotoRules | None = None,
                 checkpoint: str | None = None, device: str | None = None,
                 ann_file: str | None = None) -> Labelling:
    """Find the text on the photos of a folder.

    Args:
        source: Who finds it: see :func:`teacher_of`; or a store that ``mmocr-kd cache`` filled with
            maps of these photos, or a config with a ``CachedTeacher``.
        folder: Of photos, see :func:`.find_photos`.
        out: JSON file in MMOCR's format of text detection; paths are relative to ``folder``.
        rules: How maps become polygons.
        checkpoint: Weights, where ``source`` is the config of a model.
        device: Where a teacher runs; by default on the GPU, if there is one.
        ann_file: JSON file in MMOCR's format: only the photos that it names, in its order.

    Raises:
        FileNotFoundError, ValueError: If something is missing, or does not fit.
    """
    rules = rules or PhotoRules()
    names = find_photos(folder) if ann_file is None else list(read_boxes(ann_file, 'ann_file'))
    look, made_by = _looking(source, checkpoint, device, rules)

    def ask(name: str) -> list[Entry]:
        photo = _load(os.path.join(folder, name))
        probs = look(os.path.join(folder, name), photo)
        height, width = photo.shape[:2]
        return [{'img_path': name, 'height': height, 'width': width,
                 'instances': find_text(probs, (height, width), rules)}]

    metainfo = {'dataset_type': 'TextDetDataset', 'task_name': 'textdet',
                'category': [{'id': 0, 'name': 'text'}]}
    return Labelling(out, names, ask, {**made_by, **asdict(rules)}, metainfo)


def label_words(source: str, folder: str, boxes: str, out: str, floor: float = 0.6,
                min_size: int = 8, any_corner: bool = False, checkpoint: str | None = None,
                device: str | None = None, labelled: bool = False) -> Labelling:
    """Read the words on photos, cut them out, and write them as files.

    Entries say on which ``photo`` their word is.

    Args:
        source: Who reads: see :func:`teacher_of`; it has to know hypotheses. A recogniser of MMOCR
            sees words as its config tests it.
        folder: Of photos.
        boxes: JSON file with the words' quads, such as :func:`label_photos` writes.
        out: JSON file in MMOCR's format of text recognition; the words' images go into ``words``
            beside it.
        floor: Readings whose probability is below this are left out, and so are empty ones.
        min_size: Words whose shorter side is below this, in pixels, are not read.
        any_corner: See :class:`.UnlabelledTextRecogDataset`.
        checkpoint: Weights, where ``source`` is the config of a model.
        device: Where a teacher runs.
        labelled: Words whose ``text`` stands in ``boxes`` keep it, whatever is ``read``.

    Raises:
        FileNotFoundError, ValueError: If something is missing, or does not fit.
    """
    require_share('floor', floor)
    teacher, made_by = _bound(source, checkpoint, {'words': hypotheses}, 'RecognizerTeacher')
    found = read_boxes(boxes)
    place = torch.device(device or _default_device())
    show = _shown(made_by['teacher'].get('config'))

    def ask(name: str) -> list[Entry]:
        photo, entries = _load(os.path.join(folder, name)), []
        for number, word in enumerate(found[name]):
            quad = quad_of(word, any_corner)
            if word.get('ignore') or min(quad_size(quad)) < min_size:
                continue
            image = upright(photo, quad)
            text, log_prob = _read(teacher, *show(image), place)
            told = {'text': text, 'score': round(math.exp(log_prob), 4)}
            if labelled and 'text' in word:
                told.update(text=word['text'], read=text)
            elif not text or math.exp(log_prob) < floor:
                continue
            path = f'words/{stems[name]}_{number:04d}.png'
            write_whole(Path(out).parent / path, cv2.imencode('.png', image)[1].tobytes())
            entries.append({'img_path': path, 'photo': name, 'instances': [told]})
        return entries

    names = [name for name in find_photos(folder) if found.get(name)]
    bare = [os.path.splitext(name)[0] for name in names]
    alike = Counter(bare)  # a.jpg and a.png
    stems = {name: name if alike[stem] > 1 else stem for name, stem in zip(names, bare)}
    metainfo = {'dataset_type': 'TextRecogDataset', 'task_name': 'textrecog'}
    made_by = {**made_by, 'floor': floor, 'min_size': min_size, 'any_corner': any_corner,
               'boxes': boxes, **({'labelled': True} if labelled else {})}
    return Labelling(out, names, ask, made_by, metainfo)


def find_text(probs: np.ndarray, size: tuple[int, int], rules: PhotoRules) -> list[Entry]:
    """Instances of a photo in MMOCR's format.

    Args:
        probs: Probability of text, float32 (h, w), in whatever resolution.
        size: Height and width of the photo.
        rules: How maps become polygons.
    """
    decode = DBPostprocessor(text_repr_type=rules.shape, mask_thr=DOUBT, min_text_score=DOUBT,
                             unclip_ratio=rules.unclip)
    found = decode.get_text_instances(torch.from_numpy(probs), TextDetDataSample()).pred_instances
    scale = np.array([size[1] / probs.shape[1], size[0] / probs.shape[0]])
    limits = np.array([size[1], size[0]])
    instances = []
    for polygon, score in zip(found.polygons, found.scores.tolist()):
        corners = (np.asarray(polygon, np.float64).reshape(-1, 2) * scale).clip(0, limits)
        corners = reading_order(corners) if len(corners) == 4 else corners
        flat = corners.round(1).flatten().tolist()
        instances.append({'polygon': flat, 'bbox': poly2bbox(flat).tolist(), 'bbox_label': 0,
                          'ignore': score < rules.floor, 'score': round(score, 4)})
    return instances


def teacher_of(source: str, checkpoint: str | None = None) -> dict[str, Any]:
    """Config of the teacher that a command names.

    Args:
        source: 'rapidocr'; a config that distils, whose first teacher it is; or the config of a
            model.
        checkpoint: Weights of such a model.

    Raises:
        FileNotFoundError: If there is no such config.
        ValueError: If it is a config of neither kind.
    """
    if source == 'rapidocr':
        return {'type': 'OnnxTeacher', 'model': 'rapidocr'}
    if checkpoint is not None:
        return {'config': source, 'checkpoint': checkpoint}
    cfg = read_config(source)
    teachers = _teachers_in(cfg)
    if not teachers:
        raise ValueError(f'{source!r} names no teacher: give a config that distils, or the config '
                         'of a model with --checkpoint')
    return copy.deepcopy(teachers[0])


def _teachers_in(cfg: Config) -> list[dict[str, Any]]:
    losses = cfg.model.get('losses') or {}
    of_recogniser = [cfg.model.get('teacher'), *(loss.get('teacher') for loss in losses.values()
                                                 if isinstance(loss, dict))]
    try:
        return find_distillation(cfg).teachers
    except ValueError:
        return [teacher for teacher in of_recogniser if teacher is not None]


def _bound(source: str, checkpoint: str | None, wanted: dict[str, Any],
           kind: str = 'ModelTeacher') -> tuple[Teacher, dict[str, Any]]:
    init_default_scope('mmocr')
    config = {'type': kind, **teacher_of(source, checkpoint)}
    teacher = build_teacher(config)
    photos = nn.Sequential(nn.Conv2d(3, 1, 1))  # of colours
    photos.data_preprocessor = ImgDataPreprocessor()  # BGR, 0 to 255
    teacher.bind(photos, wanted)
    return teacher, {'teacher': json.loads(json.dumps(config, default=str))}


def _looking(source: str, checkpoint: str | None, device: str | None, rules: PhotoRules
             ) -> tuple[Callable[[str, np.ndarray], np.ndarray], dict[str, Any]]:
    """(path, photo) -> probabilities, and who gives them."""
    if folder := _store_of(source, checkpoint):
        store = MapStore(folder)
        return (lambda path, photo: store.read(path)['text'].astype(np.float32) / 255,
                {'teacher': store.manifest['identity']})
    teacher, made_by = _bound(source, checkpoint, {'text': text_logits})
    place = torch.device(device or _default_device())

    def look(path: str, photo: np.ndarray) -> np.ndarray:
        height, width = seen_size((photo.shape[0], photo.shape[1]), rules.long_side)
        inputs = _to_batch(cv2.resize(photo, (width, height)), place)
        return teacher(inputs, [TextDetDataSample(metainfo={'img_path': path})])[
            'text'][0].float().sigmoid().cpu().numpy()

    return look, made_by


def _store_of(source: str, checkpoint: str | None) -> str:
    """The folder that is named, itself or by the teacher of a config."""
    if os.path.isdir(source):
        return source
    teacher = teacher_of(source, checkpoint)
    return str(teacher['store']) if 'store' in teacher else ''


def _shown(config: Any) -> Callable[[np.ndarray], tuple[np.ndarray | Tensor, Any]]:
    """Word -> what a recogniser is shown of it, and its sample."""
    if not isinstance(config, str):  # black boxes take words as they are
        return lambda word: (word, TextRecogDataSample(metainfo={'ori_shape': word.shape[:2]}))
    dataset = read_config(config).test_dataloader.dataset
    while not dataset.get('pipeline'):
        dataset = dataset['datasets'][0] if 'datasets' in dataset else dataset['dataset']
    steps = Compose([step for step in dataset['pipeline'] if not issubclass(
        class_of(step, TRANSFORMS), (LoadImageFromFile, LoadAnnotations))])

    def show(word: np.ndarray) -> tuple[Tensor, Any]:
        packed = steps({'img': word, 'img_path': '', 'img_shape': word.shape[:2],
                        'ori_shape': word.shape[:2]})
        return packed['inputs'], packed['data_samples']

    return show


def _read(teacher: Teacher, word: np.ndarray | Tensor, sample: Any,
          place: torch.device) -> tuple[str, float]:
    inputs = word[None].to(place).float() if isinstance(word, Tensor) else _to_batch(word, place)
    readings = teacher(inputs, [sample])['words'][0]
    return max(readings, key=lambda reading: reading[1], default=('', -math.inf))


def _to_batch(image: np.ndarray, place: torch.device) -> Tensor:
    return torch.from_numpy(image).to(place).permute(2, 0, 1)[None].float()


def _load(path: str) -> np.ndarray:
    image = mmcv.imread(path, flag='color_ignore_orientation')
    if image is None:
        raise ValueError(f'the photo {path!r} cannot be decoded')
    return image


def _default_device() -> str:
    return 'cuda' if torch.cuda.is_available() else 'cpu'
