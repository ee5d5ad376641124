"""The embedded data set as MMOCR data sets: no file on disk, nothing to download."""
from __future__ import annotations

from typing import Any, Callable, Sequence

from mmocr.datasets import OCRDataset
from mmocr.registry import DATASETS

from ..checked_dataset import CheckedDataset
from .assets import require_assets
from .backend import image_path
from .plan import Word, plan_scene
from .spec import SceneSpec

_FILE_FIELDS = ('ann_file', 'data_root', 'data_prefix')
_FILTERS = ('filter_empty_gt', 'min_size')


class EmbeddedDataset(OCRDataset):
    """Base of the embedded data sets: scene-like images with text, rendered when they are read.

    Image ``i`` depends on the fields below and on ``i`` alone, so it is the same in every worker,
    process and order. Pipelines start with MMOCR's ``LoadImageFromFile``, as for files. Text is
    set in matplotlib's fonts on photos from the scikit-image, matplotlib and imgaug wheels.

    Args:
        num_images: How many images, > 0. More images extend a data set without changing it.
        split: 'train', 'val' or 'test'; they share neither photos nor seeds.
        seed: Seed of the data set, >= 0.
        image_size: Width and height in pixels, each >= 64.
        text_height: Smallest and largest font size in pixels.
        num_blocks: Fewest and most text blocks to try to place in an image.
        difficulty: Strength of perspective, shadows, blur, noise and JPEG artefacts in [0, 2].
        filter_cfg: ``filter_empty_gt=True`` drops images without readable text, ``min_size=n``
            all images if they are smaller than n pixels (the names MMOCR's configs use).
        pipeline: Transforms; the first one loads the image from ``img_path``.
        text_height_per: 'block', or 'image': all blocks of an image are of one text height.
        photos: Folder of photos of yours, without text, to set it on; each split one of its own.
        fonts: Folder of font files of yours; those that have Chinese set it, too.
        words: File of words of yours, one a line.
        unit: 'word', or 'line': samples and annotations are lines of text.
        **kwargs: ``metainfo``, ``indices``, ``serialize_data``, ``test_mode``, ``lazy_init`` and
            ``max_refetch`` as in :class:`mmengine.dataset.BaseDataset`.

    Raises:
        ImportError: If matplotlib or scikit-image are not installed.
        TypeError: If a field has the wrong type or is unknown.
        ValueError: If a field is out of range.
    """

    METAINFO: dict[str, Any] = dict(category=[dict(id=0, name='text')])

    def __init__(self,
                 num_images: int = 1000,
                 split: str = 'train',
                 seed: int = 0,
                 image_size: Sequence[int] = (320, 320),
                 text_height: Sequence[int] = (8, 64),
                 num_blocks: Sequence[int] = (2, 6),
                 difficulty: float = 1.0,
                 filter_cfg: dict[str, Any] | None = None,
                 pipeline: Sequence[dict[str, Any] | Callable] | None = None,
                 text_height_per: str = 'block',
                 photos: str = '',
                 fonts: str = '',
                 words: str = '',
                 unit: str = 'word',
                 **kwargs: Any) -> None:
        self.num_images = _checked_count(num_images)
        # The spec turns lists, as configs have them, into tuples.
        self.spec = SceneSpec(split, seed, image_size, text_height, num_blocks,  # type: ignore
                              difficulty, text_height_per, photos, fonts, words, unit)
        _check_filter(filter_cfg)
        if clash := [name for name in _FILE_FIELDS if kwargs.get(name)]:
            raise TypeError(f'{type(self).__name__} has no field {clash[0]!r}: its images are '
                            'rendered, it reads no files')
        super().__init__(filter_cfg=filter_cfg, pipeline=list(pipeline or []), **kwargs)

    def load_data_list(self) -> list[dict[str, Any]]:
        """Plan every image; renders none (about 2 ms an image).

        Returns:
            One dict per sample with ``img_path`` and ``instances``.

        Raises:
            ImportError: If a wheel that ships fonts or photos is not installed.
        """
        require_assets(self.spec)
        samples: list[dict[str, Any]] = []
        for index in range(self.num_images):
            samples += self.samples_of(index, plan_scene(self.spec, index).words)
        return samples

    def samples_of(self, index: int, words: list[Word]) -> list[dict[str, Any]]:
        """Samples that image ``index`` gives; subclasses say which.

        Args:
            index: Which image.
            words: Its words.
        """
        raise NotImplementedError(f'{type(self).__name__} must implement samples_of')

    def filter_data(self) -> list[dict[str, Any]]:
        """Apply ``filter_cfg``; MMOCR's OCRDataset ignores it, its IcdarDataset does not.

        Raises:
            ValueError: If no sample is left.
        """
        cfg = self.filter_cfg or {}
        kept = self.data_list if min(self.spec.image_size) >= cfg.get('min_size', 0) else []
        if cfg.get('filter_empty_gt', False):
            kept = [sample for sample in kept
                    if not all(word.get('ignore', False) for word in sample['instances'])]
        if not kept:
            raise ValueError(f'{type(self).__name__} is empty: {self.num_images} images of '
                             f'{self.spec} leave no sample with filter_cfg={self.filter_cfg}')
        return kept


@DATASETS.register_module()
class EmbeddedTextDetDataset(EmbeddedDataset):
    """Embedded data for text detection: one sample per image, with the words' quads.

    Samples have ``img_path``, ``height``, ``width`` and ``instances`` with ``polygon`` (clockwise
    from the word's top left, 8 numbers), ``bbox``, ``bbox_label`` and ``ignore``, as MMOCR's
    textdet JSON. See :class:`EmbeddedDataset` for the fields.
    """

    METAINFO = dict(dataset_type='TextDetDataset', task_name='textdet',
                    category=[dict(id=0, name='text')])

    def samples_of(self, index: int, words: list[Word]) -> list[dict[str, Any]]:
        """One sample: the image with a polygon per word.

        Args:
            index: Which image.
            words: Its words.
        """
        width, height = self.spec.image_size
        return [dict(img_path=image_path(self.spec, index), height=height, width=width,
                     instances=[self.instance_of(word) for word in words])]

    def instance_of(self, word: Word) -> dict[str, Any]:
        """Annotation of one word.

        Args:
            word: The word.
        """
        box = [*word.quad.min(0).tolist(), *word.quad.max(0).tolist()]
        return dict(polygon=word.quad.ravel().tolist(), bbox=box, bbox_label=0,
                    ignore=word.ignore)


@DATASETS.register_module()
class EmbeddedTextSpottingDataset(EmbeddedTextDetDataset):
    """Embedded data for text spotting: as for detection, with each word's ``text``.

    Unreadable words are '###' and ignored. See :class:`EmbeddedDataset` for the fields.
    """

    METAINFO = dict(dataset_type='TextSpottingDataset', task_name='textspotting',
                    category=[dict(id=0, name='text')])

    def instance_of(self, word: Word) -> dict[str, Any]:
        """Annotation of one word.

        Args:
            word: The word.
        """
        return dict(super().instance_of(word), text=word.text)


@DATASETS.register_module()
class EmbeddedTextRecogDataset(CheckedDataset, EmbeddedDataset):
    """Embedded data for text recognition: one sample per readable word, cut out and straightened.

    Samples have ``img_path`` and one instance with the ``text``. ``num_images`` counts the scenes
    the words are cut from, some seven readable words each. See :class:`EmbeddedDataset` for the
    fields, and :class:`CheckedDataset` for labels that the pipeline drops.
    """

    METAINFO = dict(dataset_type='TextRecogDataset', task_name='textrecog')

    @property
    def place(self) -> str:
        """What messages call this data set."""
        return f'{type(self).__name__} {self.spec.name!r}'

    def samples_of(self, index: int, words: list[Word]) -> list[dict[str, Any]]:
        """A sample per readable word.

        Args:
            index: Which image.
            words: Its words.
        """
        texts = [word.text for word in words if not word.ignore]
        return [dict(img_path=image_path(self.spec, index, number), instances=[dict(text=text)])
                for number, text in enumerate(texts)]


def _checked_count(num_images: int) -> int:
    if isinstance(num_images, bool) or not isinstance(num_images, int):
        raise TypeError(f'num_images={num_images!r} must be an integer')
    if num_images <= 0:
        raise ValueError(f'num_images={num_images} must be positive')
    return num_images


def _check_filter(filter_cfg: dict[str, Any] | None) -> None:
    for name in filter_cfg or {}:
        if name not in _FILTERS:
            raise ValueError(f'filter_cfg has the unknown field {name!r}: use some of {_FILTERS}')
