"""Maps of photos that go through the geometry of a training pipeline, and none of its colours.

What travels is not the maps but the place each pixel of the image came from. It is carried by the
image's own transforms, drawn alike, and looked up in the maps once, when the image is packed. So
maps of any resolution, and features, are interpolated once, whatever the pipeline does.
"""
from __future__ import annotations

import copy
from functools import singledispatch
from types import SimpleNamespace
from typing import Any, Callable, Mapping, Sequence

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from imgaug.augmentables import HeatmapsOnImage, KeypointsOnImage
from mmcv import transforms as mmcv_transforms
from mmengine.structures import BaseDataElement
from mmocr.datasets import transforms as mmocr_transforms
from torch import Tensor

from .transforms.db_targets import DBTargets
from .transforms.degradation import TextDegradation
from .transforms.filter_recog_text import FilterRecogText
from .transforms.random_state import global_state, next_numbers, restore_global_state

Step = Callable[[dict[str, Any]], 'dict[str, Any] | None']
Maps = Mapping[str, np.ndarray]

# Homogeneous: (x, y, 1) times this, x and y in parts of the photo. What transforms fill borders
# with, 0 to 255, then weighs next to nothing, and a pixel half outside counts half.
_WEIGHT = 65536.0
_PASSENGER = 'teacher_passenger'
_UNTOUCHED = 'img', 'instances', _PASSENGER  # by steps behind LoadOCRAnnotations
_STRAIGHT = 0.02  # pixels that points of a plane may be off


class CarryMaps:
    """A training pipeline in which a teacher's maps follow each image.

    Images, annotations and random numbers are to the bit what the pipeline would have made without.
    Packed samples get ``teacher_maps``, a ``BaseDataElement`` with one tensor for each map: uint8
    (H, W) at the size of the image, or half (C, h, w) for features, as much smaller as ``strides``
    says. Where an image was padded or turned out of its frame, they are 0: no text.

    Args:
        pipeline: What the data set had: an object with ``transforms``, or one of this class, whose
            maps are carried as well.
        read: Image path -> its maps, see :meth:`~mmocr_kd.store.MapStore.read`.
        strides: Map name -> how many pixels of the image one of its is wide; without, 1.

    Raises:
        TypeError: If a step is none that is known to move, or not to move, pixels; by name.
    """

    def __init__(self, pipeline: Any, read: Callable[[str], Maps],
                 strides: Mapping[str, int] | None = None) -> None:
        further = isinstance(pipeline, CarryMaps)
        self.transforms = (pipeline.transforms if further else
                           [carried(step) for step in pipeline.transforms])
        self.sources = [*(pipeline.sources if further else ()), (read, dict(strides or {}))]

    @property
    def prefix(self) -> str:
        """What the names of the maps that were added last begin with: nothing for the first."""
        return _prefix(len(self.sources) - 1)

    def __call__(self, results: dict[str, Any]) -> dict[str, Any] | None:
        """Run all steps; None as soon as one drops the sample."""
        passenger = _Passenger(self)
        current = {**results, _PASSENGER: passenger}
        for step in self.transforms:
            done = step(current)
            if done is None:
                return None
            current = done
        if not passenger.arrived:
            raise TypeError('no step packed the image with its maps: the pipeline needs '
                            'LoadImageFromFile and PackTextDetInputs, or steps of these kinds')
        current.pop(_PASSENGER, None)
        return current

    def __repr__(self) -> str:
        steps = ''.join(f'\n    {step}' for step in self.transforms)
        return f'{type(self).__name__}({steps}\n)'


class _Passenger:
    """Where the pixels of an image came from.

    Args:
        pipeline: Whose maps are carried.
    """

    def __init__(self, pipeline: CarryMaps) -> None:
        self.pipeline = pipeline
        self.places: Any = None
        self.arrived = False

    def maps_of(self, path: str) -> BaseDataElement:
        """The maps of an image, as it looks now."""
        self.arrived = True
        return BaseDataElement(**{
            _prefix(place) + name: look_up(values, self.places, strides.get(name, 1))
            for place, (read, strides) in enumerate(self.pipeline.sources)
            for name, values in read(path).items()})


def _prefix(place: int) -> str:
    return f'teacher{place}.' if place else ''


class _Plane:
    """Places of an image that shows a photo through a plane, evaluated only where somebody looks.

    Flips, resizing, crops, padding, rotation, perspective: a matrix each, whatever the size of the
    image. Looks like an array to what cuts a window out of it. All matrices begin with pixels of
    this image, whose centres are at .5.

    Args:
        size: Height and width of the image.
        to_photo: Matrix to parts of the photo; None: it is the photo itself.
        frames: Matrices to parts of former images, of which something may have been lost: what
            lies outside of [0, 1] there is not to be seen any more.
    """

    ndim = 3

    def __init__(self, size: tuple[int, int], to_photo: np.ndarray | None = None,
                 frames: Sequence[np.ndarray] = ()) -> None:
        self.shape = (*size, 3)
        self.to_photo = _to_parts(size) if to_photo is None else to_photo
        self.frames = list(frames)

    def moved(self, matrix: np.ndarray, size: tuple[int, int]) -> _Plane:
        """Another image of this one.

        Args:
            matrix: From its pixels to this image's.
            size: Its height and width.
        """
        height, width = size
        corners = np.array([[0, width, 0, width], [0, 0, height, height], [1, 1, 1, 1]])
        frames = [frame @ matrix for frame in (*self.frames, _to_parts(self.shape))]
        return _Plane(size, self.to_photo @ matrix,
                      [frame for frame in frames if _reaches_out(frame @ corners)])

    def warp(self, values: np.ndarray) -> np.ndarray:
        """What of a map (h, w) is to be seen, (H, W)."""
        matrix = np.diag([*values.shape[::-1], 1]) @ self.to_photo
        return _warp(values, matrix, self.shape[:2], cv2.BORDER_REPLICATE) * self._visible()

    def __getitem__(self, window: tuple[slice, ...]) -> _Plane:
        (top, bottom, _), (left, right, _) = (
            part.indices(length) for part, length in zip(window, self.shape))
        return self.moved(_shift(left, top), (bottom - top, right - left))

    def __array__(self, dtype: Any = None, copy: Any = None) -> np.ndarray:
        places = np.empty(self.shape, np.float32)
        places[..., 0], places[..., 1] = self._project(self.to_photo)
        places[..., 2] = 1
        return places * (self._visible() * np.float32(_WEIGHT))[..., None]

    def _visible(self) -> np.ndarray:
        visible = np.ones(self.shape[:2], bool)
        for frame in self.frames:
            for part in self._project(frame):
                visible &= (part >= 0) & (part <= 1)
        return visible

    def _project(self, matrix: np.ndarray) -> tuple[np.ndarray, ...]:
        y, x = (np.arange(length, dtype=np.float32) + .5 for length in self.shape[:2])
        rows = matrix.astype(np.float32)
        u, v, w = ((row[1] * y + row[2])[:, None] + row[0] * x for row in rows)
        return (u, v) if not rows[2, :2].any() else (u / w, v / w)


def _reaches_out(corners: np.ndarray) -> bool:
    return np.abs(corners[:2] / corners[2] - .5).max() > .5 + 1e-6


def _to_parts(size: tuple[int, ...]) -> np.ndarray:
    return np.diag([1 / size[1], 1 / size[0], 1])


def _shift(x: float, y: float) -> np.ndarray:
    return np.array([[1, 0, x], [0, 1, y], [0, 0, 1.]])


def _warp(values: np.ndarray, matrix: np.ndarray, size: tuple[int, int], border: int) -> np.ndarray:
    """By a matrix from new to old pixels; OpenCV's have their centres at whole numbers."""
    matrix = _shift(-.5, -.5) @ matrix @ _shift(.5, .5)
    affine = not matrix[2, :2].any()  # three times as fast
    return (cv2.warpAffine if affine else cv2.warpPerspective)(
        values, matrix[:2] if affine else matrix, size[::-1], borderMode=border,
        flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP)


def _moved(places: Any, matrix: np.ndarray, size: tuple[int, int]) -> Any:
    """What :meth:`_Plane.moved` does, for arrays as well."""
    if isinstance(places, _Plane):
        return places.moved(matrix, size)
    return _warp(places, matrix, size, cv2.BORDER_CONSTANT)


def _resized(places: Any, size: tuple[int, int]) -> Any:
    height, width = places.shape[:2]
    if isinstance(places, _Plane):
        return places.moved(np.diag([width / size[1], height / size[0], 1]), size)
    return cv2.resize(places, size[::-1], interpolation=cv2.INTER_LINEAR)


def look_up(values: np.ndarray, places: Any, stride: int = 1) -> Tensor:
    """Look where pixels came from.

    Args:
        values: The map of a whole photo, uint8 (h, w) or float16 (C, h, w).
        places: Of the image's pixels: (x, y, 1) times the weight, float32 (H, W, 3), x and y in
            parts of the photo; or what can become such an array.
        stride: How many pixels one of the result is wide and high.

    Returns:
        The same type, (H / stride, W / stride) rounded up, bilinear; 0 outside of the photo.
    """
    if isinstance(places, _Plane) and stride == 1 and values.ndim == 2:
        return torch.from_numpy(places.warp(values))
    places = np.asarray(places)
    if stride > 1:
        places = cv2.resize(_to_multiple(places, stride), None, fx=1 / stride, fy=1 / stride,
                            interpolation=cv2.INTER_AREA)
    weight = places[..., 2]
    inside = weight > _WEIGHT / 64
    where = places[..., :2] / np.where(inside, weight, np.inf)[..., None]
    return _sample(values, where, np.where(inside, np.minimum(weight / _WEIGHT, 1), 0))


def _sample(values: np.ndarray, where: np.ndarray, share: np.ndarray) -> Tensor:
    if values.ndim == 2:
        height, width = values.shape
        x, y = where[..., 0] * width - .5, where[..., 1] * height - .5
        found = cv2.remap(values.astype(np.float32), x, y, cv2.INTER_LINEAR,
                          borderMode=cv2.BORDER_REPLICATE)
        return torch.from_numpy(np.rint(found * share).astype(np.uint8))
    source, grid = torch.from_numpy(values.astype(np.float32)), torch.from_numpy(where * 2 - 1)
    sampled = F.grid_sample(source[None], grid[None].float(), padding_mode='border',
                            align_corners=False)[0]
    return (sampled * torch.from_numpy(share)).half()


def _to_multiple(places: np.ndarray, stride: int) -> np.ndarray:
    below, right = (-length % stride for length in places.shape[:2])
    return cv2.copyMakeBorder(places, 0, below, 0, right, cv2.BORDER_CONSTANT)


@singledispatch
def carried(step: Any) -> Step:
    """What a step becomes in a pipeline that carries maps, found by its class.

    For a transform of your own: ``carried.register(MyColours, keep)`` if it leaves pixels where
    they are, ``carried.register(MyWarp, Following)`` if it moves them by random numbers, sizes and
    annotations alone.

    Args:
        step: A step of a pipeline.

    Raises:
        TypeError: If nothing is known about its class.
    """
    name = type(step).__name__
    raise TypeError(
        f'the pipeline step {name} ({step!r}) may move pixels, and how is not known: cached maps '
        'cannot follow. If it leaves pixels where they are, say so with "from '
        'mmocr_kd.datasets.carry_maps import carried, keep; '
        f'carried.register({name}, keep)"; if it moves them by random numbers, sizes and '
        'annotations alone, with Following in the place of keep')


def keep(step: Any) -> Step:
    """Of steps that leave pixels where they are: of colours, of annotations.

    Args:
        step: The step.
    """
    return step


class Loading:
    """Of steps that load the photo.

    Args:
        step: The step.
    """

    def __init__(self, step: Any) -> None:
        self.step = step

    def __call__(self, results: dict[str, Any]) -> dict[str, Any] | None:
        """Load, and take a passenger on."""
        loaded = self.step(results)
        if loaded is not None:
            loaded[_PASSENGER].places = _Plane(loaded['img'].shape[:2])
        return loaded

    def __repr__(self) -> str:
        return f'{type(self).__name__}({self.step!r})'


class Packing(Loading):
    """Of steps that make a ``data_sample`` of the image."""

    def __call__(self, results: dict[str, Any]) -> dict[str, Any] | None:
        """Pack, with the maps."""
        maps = results.pop(_PASSENGER).maps_of(results['img_path'])
        packed = self.step(results)
        packed['data_samples'].teacher_maps = maps
        return packed


class Resizing(Loading):
    """Of steps that resize the whole image."""

    def __call__(self, results: dict[str, Any]) -> dict[str, Any] | None:
        """Resize both."""
        passenger, results = results[_PASSENGER], self.step(results)
        passenger.places = _resized(passenger.places, results['img'].shape[:2])
        return results


class Flipping(Loading):
    """Of steps that flip the image and say how."""

    def __call__(self, results: dict[str, Any]) -> dict[str, Any] | None:
        """Flip both."""
        passenger, results = results[_PASSENGER], self.step(results)
        if results['flip']:
            size, how = results['img'].shape[:2], results['flip_direction']
            signs = [1 if how == other else -1 for other in ('vertical', 'horizontal')]
            shifts = [length * (sign < 0) for length, sign in zip(size[::-1], signs)]
            matrix = _shift(*shifts) @ np.diag([*signs, 1])
            passenger.places = _moved(passenger.places, matrix, size)
        return results


class Padding(Loading):
    """Of steps that add something on the right and at the bottom."""

    def __call__(self, results: dict[str, Any]) -> dict[str, Any] | None:
        """Pad both."""
        passenger, results = results[_PASSENGER], self.step(results)
        passenger.places = _moved(passenger.places, np.eye(3), results['img'].shape[:2])
        return results


class Following(Loading):
    """Of steps that move pixels: they run a second time, with the same random numbers."""

    def __call__(self, results: dict[str, Any]) -> dict[str, Any] | None:
        """Run on the places, then on the image."""
        passenger = results[_PASSENGER]
        # Steps change annotations in place, and draw by them.
        twin = {key: value if key in _UNTOUCHED else copy.deepcopy(value)
                for key, value in results.items()}
        before = global_state()
        moved = self.step({**twin, 'img': self._places(passenger)})
        after = next_numbers()
        restore_global_state(before)
        results = self.step(results)
        done = global_state()
        if next_numbers() != after:
            raise RuntimeError(f'{self.step!r} draws other random numbers for other pixels: cached '
                               'maps cannot follow')
        restore_global_state(done)
        if results is not None:
            passenger.places = moved['img']
        return results

    def _places(self, passenger: _Passenger) -> np.ndarray:
        return np.asarray(passenger.places)


class Cropping(Following):
    """Of steps that only cut out of the image: the rest of the places is never made."""

    def _places(self, passenger: _Passenger) -> Any:
        return passenger.places


class Augmenting(Loading):
    """Of ``ImgAugWrapper``: imgaug says itself where points of an image go, and leaves colours."""

    def __call__(self, results: dict[str, Any]) -> dict[str, Any] | None:
        """Augment both with one draw."""
        if not self.step.augmenter:
            return self.step(results)
        drawn = self.step.augmenter.to_deterministic()
        passenger, twin = results[_PASSENGER], copy.copy(self.step)
        twin.augmenter = SimpleNamespace(to_deterministic=lambda: drawn)
        results = twin(results)
        if results is not None:
            for augmenter in drawn:
                passenger.places = _augmented(passenger.places, augmenter)
        return results


def _augmented(places: Any, augmenter: Any) -> Any:
    size = places.shape[:2]
    y, x = np.meshgrid(*(np.linspace(0, length, 3) for length in size), indexing='ij')
    old = np.stack([x.ravel(), y.ravel()], 1).astype(np.float32)
    points = augmenter.augment_keypoints(KeypointsOnImage.from_xy_array(old, shape=(*size, 3)))
    new = points.to_xy_array()
    if np.array_equal(new, old) and points.shape[:2] == size:
        return places  # colours
    matrix = _straight(new, old)
    if matrix is not None:
        return _moved(places, matrix, points.shape[:2])
    heatmap = HeatmapsOnImage(np.clip(np.asarray(places) / _WEIGHT, 0, 1), shape=(*size, 3))
    return augmenter.augment_heatmaps([heatmap])[0].get_arr() * _WEIGHT


def _straight(new: np.ndarray, old: np.ndarray) -> np.ndarray | None:
    """The affine or else projective map from new to old points (N, 2), None if there is none."""
    if new.shape != old.shape:
        return None
    ones = np.ones((len(new), 1))
    affine = np.linalg.lstsq(np.hstack([new, ones]), old, rcond=None)[0].T
    for matrix in (np.vstack([affine, [0, 0, 1]]), cv2.findHomography(new, old)[0]):
        if matrix is not None:
            found = cv2.perspectiveTransform(new[None].astype(np.float64), matrix)[0]
            if np.abs(found - old).max() < _STRAIGHT:
                return matrix
    return None


def _by_mode(step: Any) -> Step:
    """Of ``Pad``."""
    return Padding(step) if step.padding_mode == 'constant' else Following(step)


def _inside(step: Any) -> Step:
    """Of steps that run others: a copy that runs these as they have to be."""
    twin = copy.copy(step)
    for name in ('transforms', 'true_transforms', 'false_transforms'):
        inner = getattr(step, name, None)
        if isinstance(inner, list):
            setattr(twin, name, [carried(part) for part in inner])
        elif inner is not None:
            setattr(twin, name, carried(inner))
    return twin


def _by_operation(step: Any) -> Step:
    """Of ``TorchVisionWrapper``, which leaves annotations where they are."""
    if step.op not in _COLOURS:
        raise TypeError(f'the pipeline step TorchVisionWrapper(op={step.op!r}) is none that only '
                        f'changes colours, and would leave annotations behind as well: use one of '
                        f'{sorted(_COLOURS)}, or ImgAugWrapper')
    return step


_COLOURS = {'ColorJitter', 'GaussianBlur', 'Grayscale', 'RandomAdjustSharpness',
            'RandomAutocontrast', 'RandomEqualize', 'RandomGrayscale', 'RandomInvert',
            'RandomPosterize', 'RandomSolarize'}

_KINDS: dict[Any, tuple[type, ...]] = {
    Loading: (mmcv_transforms.LoadImageFromFile, ),
    Packing: (mmocr_transforms.PackTextDetInputs, ),
    Resizing: (mmcv_transforms.Resize, mmcv_transforms.RandomResize,
               mmcv_transforms.RandomChoiceResize, mmocr_transforms.ShortScaleAspectJitter,
               mmocr_transforms.BoundedScaleAspectJitter),
    Cropping: (mmocr_transforms.TextDetRandomCrop, mmocr_transforms.RandomCrop),
    Flipping: (mmcv_transforms.RandomFlip, ),
    _by_mode: (mmcv_transforms.Pad, ),
    Following: (mmcv_transforms.CenterCrop, mmocr_transforms.RandomRotate,
                mmocr_transforms.SourceImagePad, mmocr_transforms.TextDetRandomCropFlip),
    Augmenting: (mmocr_transforms.ImgAugWrapper, ),
    _inside: (mmcv_transforms.Compose, mmcv_transforms.RandomChoice, mmcv_transforms.RandomApply,
              mmocr_transforms.ConditionApply),
    _by_operation: (mmocr_transforms.TorchVisionWrapper, ),
    keep: (mmocr_transforms.LoadOCRAnnotations, mmocr_transforms.FixInvalidPolygon,
           mmocr_transforms.RemoveIgnored, mmcv_transforms.RandomGrayscale,
           mmcv_transforms.Normalize, DBTargets, TextDegradation, FilterRecogText),
}
for _how, _classes in _KINDS.items():
    for _class in _classes:
        carried.register(_class, _how)
