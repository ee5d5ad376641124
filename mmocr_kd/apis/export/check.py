"""An exported file beside the model it was made of: same images, same numbers, same answers."""
from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Sequence

import cv2
import numpy as np
import torch
from mmengine import fileio
from mmengine.config import Config
from mmengine.dataset import Compose
from mmocr.datasets.transforms import PackTextDetInputs, PackTextRecogInputs
from torch import Tensor

from ...reader import OnnxFile
from ...reader.detection import place_text
from ...reader.photos import find, load
from ...reader.recognition import decode
from ...reader.resizing import Prepared, prepare
from ..image_data import ImageData
from .description import steps_of
from .graph import Export, activated, export_onnx

_LOOKED_AT = {'detection': 3, 'recognition': 16, 'spotting': 8}
INPUT_TOLERANCE = .02  # about a grey level: versions of Pillow differ by less, filters by more
_WORDS = ('a', 'I7', 'stop', 'Main St', 'EXIT 24', 'pharmacy', 'international', '0123456789')


@dataclass
class Check:
    """What comparing a file with its model showed.

    Attributes:
        images: How many it was compared on.
        source: Where they are from.
        inputs: Mean difference of what the reader and MMOCR's pipeline show to the network, of
            normalised pixels; the largest of all images.
        outputs: Largest difference of probabilities of the same pixels, image by image.
        batch: The same, of a batch of another number and size of images.
        batch_shape: Its shape.
        answers: How many texts or polygons MMOCR's postprocessor found in the model's outputs.
        wrong: How many of them the reader does not find alike in the same outputs.
    """

    images: int
    source: str
    inputs: float
    outputs: float
    batch: float
    batch_shape: tuple[int, ...]
    answers: int
    wrong: int

    def passed(self, tolerance: float) -> bool:
        """Whether probabilities differ by at most a tolerance, and answers not at all."""
        relative = self.inputs / INPUT_TOLERANCE, self.outputs / tolerance, self.batch / tolerance
        return all(one <= 1 for one in relative) and not self.wrong  # False if one is NaN


def check_export(export: Export, cfg: Config, images: Sequence[str] = ()) -> Check:
    """Run a graph in ONNX Runtime beside its model.

    Args:
        export: Both.
        cfg: Whose tests show images to the model.
        images: Files, folders or patterns; without any, the test images that the config names
            or, where those are missing, text that is drawn here. Words are always drawn as well,
            short ones above all: their padding is what exports get wrong.

    Raises:
        ImportError: Without ONNX Runtime.
        OSError, ValueError: If an image cannot be read, or ONNX Runtime refuses the graph.
    """
    photos, source = photos_of(export.about['task'], cfg, images)
    with TemporaryDirectory() as folder:
        path = Path(folder) / 'graph.onnx'
        export.save(path)
        sides = Sides(export, OnnxFile(path), cfg)
    compared = [sides.compare(photo) for photo in photos]
    batch, shape = sides.compare_batch(photos[0])
    return Check(len(photos), source, max(one[0] for one in compared),
                 max(one[1] for one in compared), batch, shape,
                 sum(one[2] for one in compared), sum(one[3] for one in compared))


def export_checked(cfg: Config, checkpoint: str | Path, images: Sequence[str], tolerance: float,
                   peer: bool = False, part: str = '') -> tuple[Export, Check]:
    """Draw a student's graph and check it; if batches are what it gets wrong, one image at a time.

    Some networks read their number of images off tensors in ways that a graph keeps for ever.

    Args:
        cfg: See :func:`export_onnx`, :func:`check_export`.
        checkpoint: Likewise.
        images: Likewise.
        tolerance: See :meth:`Check.passed`.
        peer: See :func:`export_onnx`.
        part: See there.

    Returns:
        The export, and its check, which need not have passed.

    Raises:
        ImportError, OSError, ValueError: See both.
    """
    export = export_onnx(cfg, checkpoint, peer, part=part)
    try:
        check = check_export(export, cfg, images)
        if check.passed(tolerance):
            return export, check
    except ValueError:
        pass  # of batches, or it is raised again
    export = export_onnx(cfg, checkpoint, peer, True, part)
    return export, check_export(export, cfg, images)


class Sides:
    """The two that are compared."""

    def __init__(self, export: Export, file: OnnxFile, cfg: Config) -> None:
        self.export, self.file, self.about = export, file, export.about
        pack = (PackTextDetInputs(('img_shape', 'scale_factor'))
                if self.about['task'] == 'detection' else
                PackTextRecogInputs(('img_shape', 'valid_ratio')))
        self.pipeline = Compose([*steps_of(cfg)[1:], pack])
        self.rule = self.about.get('postprocessor', {})

    @torch.no_grad()
    def compare(self, photo: np.ndarray) -> tuple[float, float, int, int]:
        """Differences of inputs and outputs, number of answers, and of wrong ones."""
        seen = prepare(photo, self.about['image'])
        packed = self.packed(photo)
        batch = self.export.model.data_preprocessor(  # type: ignore[operator]
            {key: [value] for key, value in packed.items()}, False)
        inputs, samples = batch['inputs'], batch['data_samples']
        outputs = self.export.model(inputs, samples, mode='tensor')
        said = activated(outputs, self.rule.get('kind'))
        ours = self.file(inputs.numpy(), np.array([seen.valid_ratio]))
        answers, wrong = self._answers(outputs, said[0].numpy(), samples, seen)
        apart = np.abs(seen.pixels - inputs[0].numpy()).mean() if (
            seen.pixels.shape == inputs[0].shape) else float('nan')
        return float(apart), _difference(ours, said), answers, wrong

    @torch.no_grad()
    def compare_batch(self, photo: np.ndarray) -> tuple[float, tuple[int, ...]]:
        """Difference of outputs on three images, of detectors of another size, and their shape."""
        pixels = torch.from_numpy(prepare(photo, self.about['image']).pixels)[None]
        if self.about['task'] == 'detection':
            step = max(self.about['image']['divisor'], 32)
            size = [max(side // 2 // step, 1) * step for side in pixels.shape[2:]]
            pixels = torch.nn.functional.interpolate(pixels, size)
        batch, ratios = torch.cat([pixels, pixels.flip(3), pixels * .5]), (1., .4, .7)
        samples = [self._sample(photo, ratio) for ratio in ratios]
        said = activated(self.export.model(batch, samples, mode='tensor'), self.rule.get('kind'))
        return _difference(self.file(batch.numpy(), np.array(ratios)), said), tuple(batch.shape)

    def packed(self, photo: np.ndarray) -> Any:
        """A photo as MMOCR's tests show it.

        Args:
            photo: BGR, uint8, shape (H, W, 3).
        """
        grey = self.about['image']['channels'] == 'grey'
        image = cv2.cvtColor(photo, cv2.COLOR_BGR2GRAY) if grey else photo.copy()
        return self.pipeline({'img': image, 'img_path': '', 'scale_factor': (1., 1.),
                              'img_shape': image.shape[:2], 'ori_shape': image.shape[:2]})

    def _sample(self, photo: np.ndarray, valid_ratio: float) -> Any:
        sample = self.packed(photo)['data_samples']
        sample.set_metainfo({'valid_ratio': valid_ratio})
        return sample

    def _answers(self, outputs: Tensor, said: np.ndarray, samples: list[Any],
                 seen: Prepared) -> tuple[int, int]:
        model: Any = self.export.model
        if self.about['task'] == 'recognition':
            theirs = model.decoder.postprocessor(outputs, samples)[0].pred_text.item
            text, _ = decode(said, self.about['decoder'], seen.valid_ratio)
            return 1, int(text != theirs)
        theirs = model.det_head.postprocessor(outputs.clone(), samples)[0].pred_instances.polygons
        ours, _ = place_text(said, seen.scale, self.rule)
        if len(theirs) != len(ours):
            return len(theirs), max(len(theirs), len(ours))
        return len(theirs), sum(not alike(*pair) for pair in zip(theirs, ours))


def alike(theirs: Any, ours: np.ndarray) -> bool:
    """Whether two polygons are equal to a hundredth of a pixel."""
    corners = np.asarray(theirs, float).reshape(-1, 2)
    return corners.shape == ours.shape and bool(np.abs(corners - ours).max() < .01)


def _difference(ours: np.ndarray, theirs: Tensor) -> float:
    """The largest; a model that stops early is compared as far as it went. NaN if there is one."""
    other = theirs.numpy()
    steps = other.shape[1] if other.ndim == 3 and ours.shape[1] > other.shape[1] else None
    ours = ours[:, :steps] if steps else ours
    return float(np.abs(ours - other).max()) if ours.shape == other.shape else float('nan')


def photos_of(task: str, cfg: Config, images: Sequence[str]) -> tuple[list[np.ndarray], str]:
    """Some to compare on, and where they are from; see :func:`check_export`."""
    number = _LOOKED_AT[task]
    drawn = [_drawn([word]) for word in _WORDS] if task == 'recognition' else []
    if images:
        return [load(path) for path in list(find(images))[:number]] + drawn, 'of yours'
    named = _named(cfg, number)
    if named:
        return named + drawn, "of the config's tests"
    page = _drawn(_WORDS)
    more = [_turned(page, 20)] if task == 'spotting' else []
    return drawn or [page, *more], 'drawn here'


def _named(cfg: Config, number: int) -> list[np.ndarray]:
    """Some test images of a config; none where its data are missing."""
    try:
        paths = list(ImageData(cfg, 'test').paths)
        step = max(len(paths) // number, 1)
        data = [fileio.get(path) for path in paths[::step][:number]]
    except (ValueError, OSError, ImportError, KeyError):
        return []
    decoded = [cv2.imdecode(np.frombuffer(each, np.uint8), cv2.IMREAD_COLOR) for each in data]
    return [image for image in decoded if image is not None]


def _turned(image: np.ndarray, degrees: float) -> np.ndarray:
    height, width = image.shape[:2]
    turn = cv2.getRotationMatrix2D((width / 2, height / 2), degrees, .8)
    return cv2.warpAffine(image, turn, (width, height), borderMode=cv2.BORDER_REFLECT)


def _drawn(words: Sequence[str]) -> np.ndarray:
    """Words on noise: one fills its image, several stand below each other."""
    noise = np.random.default_rng(0)
    width = 24 + 18 * max(map(len, words)) if len(words) == 1 else 640
    image = noise.integers(180, 255, (48 * len(words), width, 3), np.uint8)
    for line, word in enumerate(words):
        cv2.putText(image, word, (10, 48 * line + 34), cv2.FONT_HERSHEY_SIMPLEX, 1, (20, 20, 60), 2,
                    cv2.LINE_AA)
    return image
