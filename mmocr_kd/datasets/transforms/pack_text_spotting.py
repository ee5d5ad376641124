"""Packing for text spotting: where words are, and what they say."""
from __future__ import annotations

from typing import Any, Sequence

from mmdet.structures.mask import PolygonMasks
from mmocr.datasets.transforms import PackTextDetInputs
from mmocr.registry import TRANSFORMS
from mmocr.structures import TextSpottingDataSample

from ..texts import as_texts

MASKS = ('none', 'polygon', 'bitmap')


@TRANSFORMS.register_module()
class PackTextSpottingInputs(PackTextDetInputs):
    """Pack an image and its instances with texts, and with masks for MMDetection's parts.

    MMOCR's ``PackTextDetInputs`` packs texts into samples of text detection; MMDetection's
    ``PackDetInputs`` drops them. Here ``gt_instances`` has what both kinds of models read:
    ``bboxes`` (N, 4), ``labels`` (N), ``polygons``, ``texts``, ``ignored`` (N) and, on demand,
    ``masks``. Ignored instances stay among them; MMDetection's losses want them set apart.

    Texts that a JSON file holds as whole numbers become strings.

    Samples without annotations are packed without: a pipeline for inference may use it, too.

    Args:
        meta_keys: What the data sample tells about the image.
        masks: 'none', 'polygon' or 'bitmap' (MMDetection's ``PolygonMasks``, ``BitmapMasks``, of
            the size of the packed image), made of the polygons.

    Raises:
        ValueError: If ``masks`` is unknown.
    """

    def __init__(self,
                 meta_keys: Sequence[str] = ('img_path', 'ori_shape', 'img_shape', 'scale_factor',
                                             'flip', 'flip_direction'),
                 masks: str = 'none') -> None:
        super().__init__(meta_keys=tuple(meta_keys))
        if masks not in MASKS:
            raise ValueError(f'masks={masks!r} is unknown: use one of {MASKS}')
        self.masks = masks

    def transform(self, results: dict[str, Any]) -> dict[str, Any]:
        """Pack.

        Args:
            results: ``img`` (H, W[, C]), what ``meta_keys`` names and, of annotations,
                ``gt_bboxes``, ``gt_bboxes_labels``, ``gt_polygons``, ``gt_texts``, ``gt_ignored``.

        Returns:
            ``inputs`` of shape (C, H, W) and ``data_samples``, a ``TextSpottingDataSample``.

        Raises:
            ValueError: If instances have no texts, or what is no text, the fields are not of equal
                length, or masks are wanted and there are no polygons.
        """
        annotations = {key: results[key] for key in self.mapping_table if key in results}
        if annotations:
            _check(annotations, results.get('img_path'))
            results = results | dict(gt_texts=_texts(results))
        packed = super().transform(results)
        sample = packed['data_samples']
        if self.masks != 'none' and annotations:
            sample.gt_instances.masks = self._draw(sample.gt_instances.polygons,
                                                   results['img'].shape[:2])
        packed['data_samples'] = TextSpottingDataSample(
            metainfo=sample.metainfo, gt_instances=sample.gt_instances)
        return packed

    def __repr__(self) -> str:
        return f'{type(self).__name__}(meta_keys={self.meta_keys}, masks={self.masks!r})'

    def _draw(self, polygons: Sequence[Any], size: tuple[int, int]) -> Any:
        masks = PolygonMasks([[polygon] for polygon in polygons], *size)
        return masks.to_bitmap() if self.masks == 'bitmap' else masks


def _check(annotations: dict[str, Any], name: str | None) -> None:
    for key in ('gt_polygons', 'gt_texts'):
        if key not in annotations:
            raise ValueError(f'{name!r} has {list(annotations)}, but no {key}: load annotations '
                             'with with_polygon=True and with_text=True')
    lengths = {key: len(value) for key, value in annotations.items()}
    if len(set(lengths.values())) > 1:
        raise ValueError(f'{name!r} has annotations of different length, {lengths}: one of the '
                         'transforms before drops instances, but not their texts')


def _texts(results: dict[str, Any]) -> list[str]:
    texts = results['gt_texts']
    ignored = results.get('gt_ignored', [False] * len(texts))
    return as_texts(texts, ignored, results.get('img_path'))
