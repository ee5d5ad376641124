"""A recogniser that reads words where they stand, in whole images."""
from __future__ import annotations

from typing import Any, Iterable, Mapping, Sequence

import torch
from torch import Tensor

from ...adapters.image_sizes import valid_sizes
from ...losses import Labels
from .part_inputs import PartInputs
from .reading_at_sizes import read_at_sizes
from .reading_quads import reading_quads
from .rec_taps import RecTapReader, RecTaps
from .spotter_protocol import Batch
from .spotting_samples import read_text, scale_factor
from .trainable_texts import TrainableTexts
from .word_crops import WordCrops
from .words import Words, readable_words


class WordReader:
    """Cuts words out of raw images and has a recogniser read them.

    A plain object: the recogniser stays where its owner keeps it in the module tree, or outside.

    Args:
        recognizer: A built recogniser; its ``data_preprocessor`` says how it normalises.
        crop: Fields of :class:`~mmocr_kd.models.spotters.WordCrops`.
        color_type: What the recogniser's pipeline loads, 'color' or 'grayscale'.
        texts: Fields of :class:`~mmocr_kd.models.spotters.TrainableTexts`.
        taps: Fields of :class:`~mmocr_kd.models.spotters.RecTapReader`.

    Raises:
        ValueError, TypeError: If a field has an unknown value.
    """

    def __init__(self,
                 recognizer: Any,
                 crop: Mapping[str, Any],
                 color_type: str = 'color',
                 texts: Mapping[str, Any] | None = None,
                 taps: Mapping[str, Any] | None = None) -> None:
        self.recognizer = recognizer
        self.crop = WordCrops(**crop)
        self.texts = TrainableTexts(recognizer.decoder, **(texts or {}))
        self._inputs = PartInputs(recognizer, color_type)
        self._taps = RecTapReader(**(taps or {}))

    def annotated(self, data_samples: Sequence[Any]) -> Words:
        """The annotated words whose texts the recogniser can learn.

        Args:
            data_samples: B samples at full resolution.
        """
        return readable_words(data_samples, self.texts, self.crop.corners,
                              self.crop.vertical_ratio)

    def found(self, polygons: Sequence[Sequence[Any]], data_samples: Sequence[Any]) -> Words:
        """The words a detector found.

        Which way up they are is decided on original pixels, as it would be at any scale.

        Args:
            polygons: Of each image its polygons, in pixels of the batch.
            data_samples: B samples with ``scale_factor``.
        """
        image_index = [i for i, mine in enumerate(polygons) for _ in mine]
        factors = torch.tensor([scale_factor(sample) for sample in data_samples])
        original = [points / factors[i].numpy()
                    for i, mine in enumerate(polygons) for points in mine]
        quads = reading_quads(original, 'upright', self.crop.vertical_ratio)
        words = Words(torch.from_numpy(quads), torch.tensor(image_index, dtype=torch.long))
        return words.scaled(factors)

    def read(self, inputs: Tensor, data_samples: Sequence[Any], words: Words,
             chunk_size: int) -> list[tuple[str, list[float]]]:
        """Read freely.

        Args:
            inputs: Raw images, shape (B, 3, H, W).
            data_samples: B samples; only their sizes count.
            words: N words of these images.
            chunk_size: How many to read at a time.

        Returns:
            Text and scores of the characters of each word.
        """
        readings = []
        for chunk in words.to(inputs.device).chunks(chunk_size):
            crops = self._crops(inputs, data_samples, chunk)
            for sample in self.recognizer.predict(crops, self.crop.samples(chunk)):
                readings.append(read_text(sample))
        return readings

    def read_along(self, inputs: Tensor, data_samples: Sequence[Any], words: Words,
                   with_loss: bool) -> tuple[dict[str, Any], RecTaps]:
        """Read annotated words along their labels; see :meth:`.RecTapReader.read`.

        Args:
            inputs: Raw images, shape (B, 3, H, W).
            data_samples: B samples; only their sizes count.
            words: N words of these images, N > 0.
            with_loss: Whether to compute the recogniser's losses too.

        Returns:
            Its losses, none without ``with_loss``, and the taps.
        """
        words = words.to(inputs.device)
        crops = self._crops(inputs, data_samples, words)
        return self._taps.read(self.recognizer, crops, self.crop.samples(words),
                               words.image_index.to(inputs.device, non_blocking=True), with_loss)

    def read_at_sizes(self, batches: Iterable[Batch],
                      chunk_size: int) -> tuple[Tensor, Labels]:
        """Read the same words in several batches along their labels; see :func:`.read_at_sizes`.

        Args:
            batches: K batches of raw images, K > 0, with the same N words, N > 0.
            chunk_size: How many words to read at a time.
        """
        cuts = ((self._crops(inputs, data_samples, words.to(inputs.device)),
                 self.crop.samples(words)) for inputs, data_samples, words in batches)
        return read_at_sizes(cuts, self.recognizer, self._taps, chunk_size)

    def _crops(self, inputs: Tensor, data_samples: Sequence[Any], words: Words) -> Tensor:
        sizes = valid_sizes(inputs, data_samples)
        return self._inputs(self.crop.cut(inputs, words, sizes))
