"""What a teacher may have read of each word, beside the word in its sample."""
from __future__ import annotations

from typing import Any, Callable, Mapping

READINGS, POSTERIORS = 'teacher_readings', 'teacher_posteriors'


class AttachReadings:
    """A training pipeline whose packed samples have what was told of them in their metainfo.

    Whatever the pipeline does to the picture, the word stays what it is.

    Args:
        pipeline: What the data set had, or one of this class, whose readings are kept.
        read: Name of what is attached -> what reads it by an image's name, see
            :meth:`~mmocr_kd.store.ReadingStore.read`.

    Attributes:
        suffix: Of the names in the metainfo: none, of a second teacher '1'.
    """

    def __init__(self, pipeline: Any, read: Mapping[str, Callable[[str], Any]]) -> None:
        self.pipeline = pipeline
        self.read = dict(read)
        self.place: int = pipeline.place + 1 if isinstance(pipeline, AttachReadings) else 0
        self.suffix = str(self.place or '')

    @property
    def transforms(self) -> list[Any]:
        """The steps of the pipeline."""
        return self.pipeline.transforms

    def __call__(self, results: dict[str, Any]) -> dict[str, Any] | None:
        """Run all steps; None as soon as one drops the sample."""
        image = sharp_image(results)
        packed = self.pipeline(results)
        if packed is not None:
            packed['data_samples'].set_metainfo(
                {name + self.suffix: read(image) for name, read in self.read.items()})
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
