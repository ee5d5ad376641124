"""A recogniser that reads words off feature maps."""
from __future__ import annotations

from dataclasses import replace
from typing import Any, Iterable, Mapping, Sequence

from torch import Tensor

from ....adapters.image_sizes import Size
from ....losses import Labels
from ..reading_at_sizes import read_at_sizes
from ..rec_taps import RecTapReader, RecTaps
from ..spotting_samples import read_text
from ..trainable_texts import TrainableTexts
from ..words import annotated_words
from .masked_roi_extractor import MaskedRoIExtractor
from .polygon_words import PolygonWords, polygon_words


class RoIReader:
    """Cuts words out of a feature map and has a recogniser read them.

    A plain object: extractor and recogniser stay where their owner keeps them.

    Args:
        extractor: Cuts words out.
        recognizer: A built recogniser of features.
        texts: Fields of :class:`~mmocr_kd.models.spotters.TrainableTexts`.
        vertical_ratio: See :func:`.polygon_words`.

    Raises:
        ValueError, TypeError: If a field has an unknown value.
    """

    def __init__(self, extractor: MaskedRoIExtractor, recognizer: Any,
                 texts: Mapping[str, Any] | None, vertical_ratio: float) -> None:
        self.extractor = extractor
        self.recognizer = recognizer
        self.texts = TrainableTexts(recognizer.decoder, **(texts or {}))
        self.vertical_ratio = vertical_ratio
        self._taps = RecTapReader()

    def annotated(self, data_samples: Sequence[Any]) -> PolygonWords:
        """The annotated words whose texts the recogniser can learn.

        Args:
            data_samples: B samples at full resolution.
        """
        words = [(i, polygon, text) for i, sample, polygon, text in annotated_words(data_samples)
                 if self.texts(text, sample)]
        image_index, polygons, texts = zip(*words) if words else ((), (), ())
        return polygon_words(polygons, image_index, texts, self.vertical_ratio)

    def found(self, polygons: Sequence[Sequence[Any]], factors: Tensor) -> PolygonWords:
        """The words a detector found.

        Which are vertical is decided on original pixels, as it would be at any scale.

        Args:
            polygons: Of each image its polygons, in pixels of the batch.
            factors: By how much the width and height of each image had grown, shape (B, 2).
        """
        image_index = [i for i, mine in enumerate(polygons) for _ in mine]
        original = [points / factors[i].numpy()
                    for i, mine in enumerate(polygons) for points in mine]
        words = polygon_words(original, image_index, vertical_ratio=self.vertical_ratio)
        return words.scaled(factors)

    def read(self, feature: Tensor, sizes: Sequence[Size], words: PolygonWords,
             chunk_size: int) -> list[tuple[str, list[float]]]:
        """Read freely.

        Args:
            feature: The detector's map, shape (B, C, h, w).
            sizes: Height and width of each image without padding, in pixels.
            words: N words of these images.
            chunk_size: How many to read at a time.

        Returns:
            Text and scores of the characters of each word.
        """
        if not len(words):
            return []
        maps = self.extractor.project(feature)
        readings: list[tuple[str, list[float]]] = []
        for chunk in words.to(maps.device).chunks(chunk_size):
            rois = self.extractor.cut(maps, chunk, sizes)
            readings += map(read_text, self.recognizer.predict(rois, chunk.samples()))
        return readings

    def read_along(self, feature: Tensor, sizes: Sequence[Size], words: PolygonWords,
                   with_loss: bool) -> tuple[dict[str, Any], RecTaps]:
        """Read annotated words along their labels; see :meth:`.RecTapReader.read`.

        Args:
            feature: See :meth:`read`.
            sizes: See :meth:`read`.
            words: N words of these images, N > 0.
            with_loss: Whether to compute the recogniser's losses too.

        Returns:
            Its losses, none without ``with_loss``, and the taps, whose ``roi_feature`` is what
            the recogniser was given.
        """
        words = words.to(feature.device)
        rois = self.extractor(feature, words, sizes)
        losses, taps = self._taps.read(self.recognizer, rois, words.samples(), words.image_index,
                                       with_loss)
        return losses, replace(taps, roi_feature=rois)

    def read_at_sizes(self, maps: Iterable[tuple[Tensor, Sequence[Size], PolygonWords]],
                      chunk_size: int) -> tuple[Tensor, Labels]:
        """Read the same words off several maps along their labels; see :func:`.read_at_sizes`.

        Args:
            maps: K times the detector's map, the images' sizes and the words, as :meth:`read`
                takes them.
            chunk_size: How many words to read at a time.
        """
        cuts = ((self.extractor(feature, words.to(feature.device), sizes), words.samples())
                for feature, sizes, words in maps)
        return read_at_sizes(cuts, self.recognizer, self._taps, chunk_size)
