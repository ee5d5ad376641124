"""Filling a store: a teacher is asked once about every training image."""
from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import Any, Callable, Iterator

import cv2
import mmcv
import numpy as np
import torch
import torch.nn.functional as F
from mmcv.transforms import LoadImageFromFile
from mmengine.config import Config
from mmengine.model import ImgDataPreprocessor
from mmengine.registry import init_default_scope
from mmengine.structures import LabelData
from mmocr.registry import DATASETS, MODELS
from mmocr.structures import TextRecogDataSample
from torch import Tensor, nn

from .. import __version__
from ..adapters import text_logits
from ..adapters.recognition import hypotheses, is_ctc, reading_logits
from ..datasets.attach_readings import POSTERIORS, READINGS, sharp_image
from ..datasets.parts import parts
from ..distill import Source
from ..store import CorruptEntryError, MapStore, MissingEntryError, Posteriors, ReadingStore
from ..teachers.cached_teacher import DIVISOR, TEXT, CachedTeacher, are_words, loader_of
from .read_config import class_of

Maps = dict[str, np.ndarray]


@dataclass
class Filling:
    """A store that is about to be filled.

    Args:
        store: The store.
        photos: Name of a photo or word -> the step that loads it; of this shard.
        ask: Loaded image (H, W, 3) -> its maps, or readings.
        sizes: Map name -> shape of the first photo's, and how many pixels of a training image one
            of its values is wide there.
        example: Height and width of the first image, as the teacher sees it.
    """

    store: MapStore | ReadingStore
    photos: dict[str, LoadImageFromFile]
    ask: Callable[[np.ndarray], Any]
    sizes: dict[str, tuple[tuple[int, ...], int]]
    example: tuple[int, int]

    def run(self) -> Iterator[int]:
        """Ask about each photo that has no sound entry yet.

        Yields:
            For each photo, the bytes written; 0 if it was there.

        Raises:
            OSError: If a photo cannot be read, or there is no room.
            ValueError: If a photo cannot be decoded.
        """
        for path, loader in self.photos.items():
            there = self._is_there(path)
            yield 0 if there else self._write(path, self.ask(_load(loader, path)))

    def _write(self, path: str, told: Any) -> int:
        return self.store.write(path, *(told if isinstance(told, tuple) else (told, )))

    def _is_there(self, path: str) -> bool:
        try:
            self.store.read(path)
        except (MissingEntryError, CorruptEntryError):
            return False
        self.store.images.note(path)  # it may have moved
        return True


def prepare_filling(cfg: Config, command: str, out: str | None = None,
                    shard: tuple[int, int] = (0, 1), device: str | None = None) -> Filling:
    """Build what ``mmocr-kd cache`` needs: data, teacher and store.

    Args:
        cfg: A training config in which a teacher is ``dict(type='CachedTeacher', store=...,
            teacher=dict(...))``.
        command: What fills the store, for messages of others.
        out: Folder of the store, instead of the one that the config names.
        shard: (i, n): every n-th photo from the i-th on, 0 <= i < n; for n processes.
        device: Where the teacher runs; by default on the GPU, if there is one.

    Raises:
        ValueError: If the config has no such teacher, or several; or no photos.
        StoreError: If the store is another's.
        RecordingError, FileNotFoundError, CheckpointError: If the teacher cannot be built, or does
            not know what is to be stored.
    """
    init_default_scope(cfg.get('default_scope', 'mmocr'))
    cached: CachedTeacher = MODELS.build(find_cached_teacher(cfg))
    dataset = DATASETS.build(copy.deepcopy(cfg.train_dataloader.dataset))
    identity, words = cached.stored(dataset), are_words(dataset)
    photos = _words(dataset) if words else _photos(dataset)
    if not photos:
        raise ValueError(f'{cfg.filename}: the training data have no images')
    kinds: Any = (_WordAsker, ReadingStore) if words else (_Asker, MapStore)
    ask = kinds[0](cached, torch.device(device or ('cuda' if torch.cuda.is_available() else 'cpu')))
    first = next(iter(photos))
    told = ask(_load(photos[first], first))
    store = kinds[1].create(out or cached.folder, identity, command, strides=ask.strides,
                            mmocr_kd=__version__, torch=str(torch.__version__), **ask.about)
    sizes = {name: (told[name].shape, stride) for name, stride in ask.strides.items()}
    index, number = shard
    return Filling(store, dict(list(photos.items())[index::number]), ask, sizes, ask.size)


def find_cached_teacher(cfg: Config) -> dict[str, Any]:
    """The one ``CachedTeacher`` in a training config's hooks or model.

    Args:
        cfg: The config.

    Raises:
        ValueError: If there is none, or there are several different ones.
    """
    found: list[dict[str, Any]] = []
    for one in _cached_teachers([cfg.get('custom_hooks'), cfg.get('model')]):
        if one not in found:
            found.append(one)
    if len(found) != 1:
        raise ValueError(
            f'{cfg.filename} has {len(found)} CachedTeachers, one is needed: write '
            "teacher=dict(type='CachedTeacher', store='work_dirs/cache/<name>', teacher=<the "
            'teacher as it was>) into its hook or model')
    return copy.deepcopy(found[0])


def _cached_teachers(part: Any) -> Iterator[dict[str, Any]]:
    if isinstance(part, dict) and 'type' in part and class_of(part, MODELS) is CachedTeacher:
        yield part
    elif isinstance(part, (dict, list, tuple)):
        for value in part.values() if isinstance(part, dict) else part:
            yield from _cached_teachers(value)


def _photos(dataset: Any) -> dict[str, LoadImageFromFile]:
    return {part.get_data_info(index)['img_path']: loader_of(part)
            for part in parts(dataset) for index in range(len(part))}


def _words(dataset: Any) -> dict[str, LoadImageFromFile]:
    """In colour, whatever the student sees: black boxes are used to it."""
    load = LoadImageFromFile()
    return {sharp_image(part.get_data_info(index)): load
            for part in parts(dataset) for index in range(len(part))}


def _load(loader: LoadImageFromFile, path: str) -> np.ndarray:
    try:
        image = loader.transform({'img_path': path})['img']
    except OSError:
        raise
    except Exception as error:  # OpenCV and Pillow each raise their own
        raise ValueError(f'the image {path!r} cannot be decoded: {error}') from error
    return cv2.cvtColor(image, cv2.COLOR_GRAY2BGR) if image.ndim == 2 else image


def _plain() -> nn.Module:
    """Who gives images as they are: BGR, 0 to 255."""
    plain = nn.Conv2d(3, 3, 1)  # by which teachers know that there are three channels
    plain.data_preprocessor = ImgDataPreprocessor(mean=[0.] * 3, std=[1.] * 3)
    return plain


class _WordAsker:
    """Asks a teacher about one word.

    Args:
        cached: Whose teacher is asked.
        device: Where it runs.

    Raises:
        ValueError: If the teacher is a network, and it is not known what size it reads.
    """

    def __init__(self, cached: CachedTeacher, device: torch.device) -> None:
        assert cached.teacher is not None
        self.teacher, self.device, self.word_size = cached.teacher, device, cached.word_size
        self.strides: dict[str, int] = {}
        self.size = (0, 0)
        self.kept = cached.posteriors
        logits = {POSTERIORS: reading_logits} if self.kept else {}
        self.teacher.bind(_plain(), {READINGS: hypotheses, **logits})
        if self.teacher.networks and not self.word_size:
            raise ValueError('CachedTeacher: a network of MMOCR reads words of one size: give '
                             'word_size=(height, width), such as (32, 128)')
        readers = [network.decoder for network in self.teacher.networks]
        if self.kept and not (len(readers) == 1 and is_ctc(readers[0])):
            raise ValueError(f'posteriors={self.kept} needs one CTC recogniser of MMOCR as '
                             'teacher; others tell hypotheses alone')
        self.about = {'dictionary': readers[0].dictionary.dict} if self.kept else {}

    @torch.no_grad()
    def __call__(self, image: np.ndarray) -> tuple[Any, ...]:
        own = image.shape[0], image.shape[1]
        self.size = height, width = self.word_size or own
        if self.size != own:  # as in configs of pairs of words
            image = mmcv.imresize(image, (width, height), interpolation='bicubic', backend='pillow')
        inputs = torch.from_numpy(image).to(self.device).permute(2, 0, 1)[None].float()
        # Frames do not depend on the label, but MMOCR's decoders ask for one.
        word = TextRecogDataSample(
            gt_text=LabelData(item=''),
            metainfo=dict(ori_shape=own, img_shape=self.size, valid_ratio=1.0))
        found = self.teacher(inputs, [word])
        return (found[READINGS][0], *(self._best(found[POSTERIORS][0]) if self.kept else ()))

    def _best(self, logits: Tensor) -> tuple[Posteriors]:
        best, number = logits.float().log_softmax(1), logits.shape[1]
        log_probs, classes = (part.cpu().numpy() for part in best.topk(min(self.kept, number), 1))
        return (Posteriors(classes.astype(np.uint16), log_probs.astype(np.float16), number), )


class _Asker:
    """Asks a teacher about one photo.

    Args:
        cached: What is stored of it.
        device: Where it runs.
    """

    def __init__(self, cached: CachedTeacher, device: torch.device) -> None:
        assert cached.teacher is not None
        self.cached, self.teacher, self.device = cached, cached.teacher, device
        self.strides: dict[str, int] = {}
        self.about: dict[str, Any] = {}
        self.size = (0, 0)
        self.teacher.bind(_plain(), {TEXT: text_logits,
                                     **{name: Source(name) for name in cached.features}})

    @torch.no_grad()
    def __call__(self, image: np.ndarray) -> Maps:
        size = image.shape[0], image.shape[1]
        self.size = height, width = seen_size(size, self.cached.long_side)
        image = cv2.resize(image, (width, height), interpolation=cv2.INTER_LINEAR)
        inputs = torch.from_numpy(image).to(self.device).permute(2, 0, 1)[None].float()
        found = self.teacher(inputs, None)
        self.strides = {name: round(height / maps.shape[-2]) for name, maps in found.items()}
        return {name: self._stored(name, maps[0]) for name, maps in found.items()}

    def _stored(self, name: str, values: Tensor) -> np.ndarray:
        if name == TEXT:
            return (values.float().sigmoid() * 255).round().byte().cpu().numpy()
        width, own = self.cached.features[name], self.strides[name]
        if values.dim() != 3 or width < own:
            raise ValueError(f'features={{{name!r}: {width}}}: the teacher gives '
                             f'{tuple(values.shape)} of values {own} pixels wide; expected (C, h, '
                             f'w), and a width of {own} or more')
        height, width = (max(1, round(length / width)) for length in self.size)
        return F.adaptive_avg_pool2d(values.float()[None], (height, width))[0].half().cpu().numpy()


def seen_size(size: tuple[int, int], long_side: int) -> tuple[int, int]:
    """Size of a photo as the teacher sees it.

    Args:
        size: Height and width of the photo.
        long_side: The longer side is at most so long; smaller photos are not enlarged.

    Returns:
        Height and width, multiples of 32.
    """
    ratio = min(1., long_side / max(size))
    height, width = (max(1, round(length * ratio / DIVISOR)) * DIVISOR for length in size)
    return height, width

