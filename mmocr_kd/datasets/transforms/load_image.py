"""Loading images, some of which may be broken."""
from __future__ import annotations

from typing import Any

from mmocr.datasets.transforms import LoadImageFromFile
from mmocr.registry import TRANSFORMS


class BrokenImageError(OSError):
    """An image file is missing, empty, or no image."""


@TRANSFORMS.register_module()
class CheckedLoadImageFromFile(LoadImageFromFile):
    """MMOCR's ``LoadImageFromFile``, but an error always says which file is broken.

    MMOCR passes on OpenCV's error for an empty file, which has no name in it. All fields are
    MMOCR's; ``ignore_empty=True`` warns and lets the data set draw another sample instead. For
    training: MMOCR's inferencers know the loader in a test pipeline by the name LoadImageFromFile.
    """

    def transform(self, results: dict[str, Any]) -> dict[str, Any] | None:
        """Load ``results['img_path']`` into ``results['img']``, shape (H, W, C).

        Returns:
            The results, or None if the image is broken and ``ignore_empty`` is set.

        Raises:
            BrokenImageError: If the file cannot be read.
        """
        try:
            return super().transform(results)
        except Exception as error:  # OpenCV, file system and back ends each raise their own
            raise BrokenImageError(
                f"the image {results['img_path']!r} cannot be read: {error}") from error
