"""What teacher and student say about images, and where the loss compares them."""
from __future__ import annotations

from pathlib import Path
from typing import Any, Sequence, cast

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from mmengine.config import Config
from mmengine.dataset import pseudo_collate
from mmengine.structures import InstanceData
from torch import Tensor, nn

from ..adapters import build_teacher, build_term, text_logits
from ..distill import Recorder, Teacher, TensorComparison
from ..losses import binary_entropy
from .distillation import find_distillation
from .student import load_student

GREEN, RED, YELLOW, WHITE = (0, 255, 0), (0, 0, 255), (0, 255, 255), (255, 255, 255)
_LABEL = 24  # height of a label in pixels


class TextMaps:
    """What a detector says about images.

    Args:
        model: Of MMOCR or this package, with a map of text.
        device: Where to run it.
    """

    def __init__(self, model: nn.Module, device: str = 'cpu') -> None:
        self.model = model.to(device)
        self.recorder = Recorder(model, {'text': text_logits})

    @torch.no_grad()
    def __call__(self, item: dict[str, Any]) -> Tensor:
        """Logits at the size of the input, (h, w).

        Args:
            item: One item of a data set.
        """
        inputs, _ = self.prepared(item)
        return _fit(self.logits(inputs), inputs, item)

    def prepared(self, item: dict[str, Any]) -> tuple[Tensor, list[Any]]:
        """A batch of this image alone, and its sample.

        Args:
            item: One item of a data set.
        """
        data = self.model.data_preprocessor(pseudo_collate([item]))  # type: ignore[operator]
        return data['inputs'], data['data_samples']

    def logits(self, inputs: Tensor) -> Tensor:
        """Of a batch, (1, h', w').

        Args:
            inputs: What :meth:`prepared` returned.
        """
        with self.recorder as recorded:
            self.model(inputs, None, mode='tensor')
        return recorded['text']


class Viewer:
    """A teacher and a student that look at the same images.

    Args:
        cfg: A config that distils.
        checkpoint: The student's.
        device: Where to run both.
        term: Which of the config's comparisons.

    Raises:
        ValueError, FileNotFoundError, RuntimeError: If a checkpoint cannot be loaded or a model
            has no text probability map.
    """

    def __init__(self, cfg: Config, checkpoint: str | Path, device: str = 'cpu',
                 term: int = 0) -> None:
        self.student = TextMaps(load_student(cfg, checkpoint), device)
        parts = find_distillation(cfg)
        if not 0 <= term < len(parts.terms):
            raise ValueError(f'--term {term}: the config has {len(parts.terms)} terms, from 0 on')
        chosen = parts.terms[term]
        # Of the maps of text, whatever it is that the term compares.
        self.comparison = cast(TensorComparison, build_term(
            chosen.get('loss'), mask=chosen.get('mask')).comparison)
        # In the place of a store, which has training photos alone, whoever filled it.
        self.teacher: Teacher = build_teacher(chosen['teacher']).live
        self.teacher.bind(self.student.model, {'text': text_logits})

    @torch.no_grad()
    def look(self, item: dict[str, Any]) -> tuple[Tensor, Tensor, Tensor]:
        """Let both look at an image.

        Args:
            item: One item of a data set, annotated in pixels of its input.

        Returns:
            Teacher's logits, student's logits and the mask, each at the size of the input, (h, w).
        """
        inputs, samples = self.student.prepared(item)
        teacher, student = self.teacher(inputs, samples)['text'], self.student.logits(inputs)
        draw = self.comparison.draw_mask
        mask = draw(inputs, samples, teacher) if draw else torch.ones_like(teacher)
        return (_fit(teacher, inputs, item), _fit(student, inputs, item), _fit(mask, inputs, item))


def _fit(maps: Tensor, inputs: Tensor, item: dict[str, Any]) -> Tensor:
    """Bring maps to the size of the batch, and cut its padding off."""
    height, width = item['inputs'].shape[-2:]
    whole = F.interpolate(maps[:, None].float(), inputs.shape[-2:])  # nearest: invents nothing
    return whole[0, 0, :height, :width].cpu()


def load_item(dataset: Any, index: int) -> dict[str, Any]:
    """Load an image with its annotation in pixels of the input.

    Test pipelines resize images, but not the annotations, which are for the metric.

    Args:
        dataset: A detection data set.
        index: Which image.
    """
    item = dataset[index]
    sample = item['data_samples']
    scale = np.asarray(sample.metainfo.get('scale_factor', (1, 1)))
    words = [word for word in dataset.get_data_info(index)['instances'] if 'polygon' in word]
    sample.gt_instances = InstanceData(
        polygons=[(np.reshape(word['polygon'], (-1, 2)) * scale).ravel() for word in words],
        ignored=torch.tensor([bool(word.get('ignore', False)) for word in words]))
    return item


def picture(item: dict[str, Any], teacher: Tensor, student: Tensor, mask: Tensor) -> np.ndarray:
    """Six labelled panels in two rows.

    Args:
        item: Its input has shape (3, h, w).
        teacher: Logits, shape (h, w).
        student: Logits, shape (h, w).
        mask: Shape (h, w).

    Returns:
        BGR image.
    """
    cells = [
        labelled('input, annotation', annotated(item)),
        labelled('teacher: probability', heat(teacher.sigmoid(), cv2.COLORMAP_VIRIDIS)),
        labelled('student: probability', heat(student.sigmoid(), cv2.COLORMAP_VIRIDIS)),
        labelled('mask of the loss', heat(mask, cv2.COLORMAP_BONE)),
        labelled('teacher: entropy', heat(binary_entropy(teacher), cv2.COLORMAP_INFERNO)),
        labelled('student: entropy', heat(binary_entropy(student), cv2.COLORMAP_INFERNO)),
    ]
    return np.vstack([np.hstack(cells[:3]), np.hstack(cells[3:])])


def annotated(item: dict[str, Any], width: int = 1) -> np.ndarray:
    """The input with its polygons.

    Args:
        item: See :func:`load_item`.
        width: Of lines, in pixels.

    Returns:
        BGR image.
    """
    image = photo_of(item)
    words = item['data_samples'].gt_instances
    for polygon, ignored in zip(words.polygons, words.ignored):
        corners = polygon.reshape(-1, 1, 2).round().astype(np.int32)
        cv2.polylines(image, [corners], True, RED if ignored else GREEN, width)
    return image


def photo_of(item: dict[str, Any]) -> np.ndarray:
    """The input as a BGR image, a copy.

    Args:
        item: Its input has shape (3, h, w).
    """
    return item['inputs'].permute(1, 2, 0).contiguous().numpy().copy()


def outlined(image: np.ndarray, polygons: Sequence[np.ndarray], width: int = 1) -> np.ndarray:
    """A copy with polygons in yellow.

    Args:
        image: BGR.
        polygons: Corners x, y, ... in pixels.
        width: Of lines, in pixels.
    """
    corners = [polygon.reshape(-1, 1, 2).round().astype(np.int32) for polygon in polygons]
    return cv2.polylines(image.copy(), corners, True, YELLOW, width)


def heat(values: Tensor, colours: int) -> np.ndarray:
    """Colour a map.

    Args:
        values: In [0, 1], shape (h, w).
        colours: One of cv2's colour maps.

    Returns:
        BGR image.
    """
    return cv2.applyColorMap((values * 255).round().byte().numpy(), colours)


def labelled(text: str, image: np.ndarray) -> np.ndarray:
    """Put a label above a picture.

    Args:
        text: The label.
        image: BGR.
    """
    image = cv2.copyMakeBorder(image, _LABEL, 2, 2, 2, cv2.BORDER_CONSTANT)
    return cv2.putText(image, text, (6, _LABEL - 8), cv2.FONT_HERSHEY_SIMPLEX, .45, WHITE, 1,
                       cv2.LINE_AA)
