"""What a teacher may have read of each word, beside the word in its sample."""
from __future__ import annotations

from typing import Any, Callable, Mapping

from ..store.readings import Reading

READINGS = 'teacher_readings'


class AttachReadings:
    """A training pipeline whose packed samples have ``teacher_readings`` in their metainfo.

    Whatever the pipeline does to the picture, the word stays what it is.

    Args:
        pipeline: What the data set had, or one of this class, whose readings are kept.
        read: Name of an image -> its readings, see :meth:`~mmocr_kd.store.ReadingStore.read`.

    Attributes:
        name: Of the metainfo: 'teacher_readings', of a second teacher 'teacher_readings1'.
    """

    def __init__(self, pipeline: Any, read: Callable[[str], Reading]) -> None:
        self.pipeline = pipeline
        self.read = read
        self.place: int = pipeline.place + 1 if isinstance(pipeline, AttachReadings) else 0
        self.name = f'{READINGS}{self.place or ""}'

    @property
    def transforms(self) -> list[Any]:
        """The steps of the pipeline."""
        return self.pipeline.transforms

    def __call__(self, results: dict[str, Any]) -> dict[str, Any] | None:
        """Run all steps; None as soon as one drops the sample."""
        image = sharp_image(results)
        packed = self.pipeline(results)
        if packed is not None:
            packed['data_samples'].set_metainfo({self.name: self.read(image)})
        return packed

    def __repr__(self) -> str:
        return f'{type(self).__name__}({self.pipeline})'


def sharp_image(sample: Mapping[str, Any]) -> str:
    """Name of the image of a word that a teacher looks at.

    Args:
        sample: Of a data set of words, before its pipeline.

    Returns:
        ``hr_path`` of pairs, ``img_path`` of others.
    """
    return sample.get('hr_path', sample['img_path'])
