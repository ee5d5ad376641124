"""What DLD asks of a spotter, whoever wrote it."""
from __future__ import annotations

from typing import Any, Iterable, Protocol, Sequence, runtime_checkable

from torch import Tensor

from ...losses import Labels, Reading
from .words import Words

Batch = tuple[Tensor, Sequence[Any], Words]  # images, their samples, and their words
Full = tuple[Tensor, Sequence[Any]]  # the images of a batch at full resolution, their samples
Detected = tuple[Sequence[Any], Any]  # polygons of an image, shape (P, 2) each, and their scores


@runtime_checkable
class DistillableSpotter(Protocol):
    """A spotter that reads annotated words along their labels (our choice of an interface).

    All methods take batches as the spotter's own data preprocessor makes them, shape (B, 3, H, W),
    and leave the data samples as they are. ``full`` is the same batch at full resolution, where
    ``inputs`` are smaller versions of it: for spotters that detect in small images and read in
    large ones. Others ignore it; without it ``inputs`` are all there is.

    Attributes:
        rec_decoder: The recogniser's decoder (MMOCR's ``BaseDecoder``); its dictionary and its
            loss say what the logits mean.
    """

    rec_decoder: Any

    def normalized(self, inputs: Tensor, data_samples: Sequence[Any]) -> Tensor:
        """The batch as a network should see it: zero mean, padded with zeros."""
        ...

    def words_of(self, data_samples: Sequence[Any]) -> Words:
        """The annotated words to read; call it at full resolution.

        Args:
            data_samples: B samples with polygons, texts and ignored words.
        """
        ...

    def losses_and_reading(self, inputs: Tensor, data_samples: Sequence[Any], words: Words,
                           full: Full | None = None) -> tuple[dict[str, Tensor], Reading | None]:
        """One training pass: the spotter's own losses, and how it read the words.

        Args:
            inputs: The batch.
            data_samples: B samples of these images, which may differ in size.
            words: Words of these images, in their pixels.
            full: See above.

        Returns:
            Losses that reach every trainable parameter, also without words, as DDP wants; and the
            reading, None without words.
        """
        ...

    def read_along(self, inputs: Tensor, data_samples: Sequence[Any], words: Words,
                   full: Full | None = None) -> Reading | None:
        """How the spotter reads the words: the recognition branch alone.

        Follows the labels in training and eval mode alike; batch normalisation and dropout do as
        the mode says.

        Returns:
            The reading, with ``labels`` and ``image_index``; None without words.
        """
        ...

    def detect(self, inputs: Tensor, data_samples: Sequence[Any]) -> list[Detected]:
        """Find words: of each image their polygons, in pixels of ``inputs``, and scores."""
        ...

    def predict(self, inputs: Tensor, data_samples: Sequence[Any],
                full: Full | None = None) -> Sequence[Any]:
        """Find words and read them; coordinates are those of the original image."""
        ...


@runtime_checkable
class ReadsAtSizes(Protocol):
    """What a spotter may have besides: reading the same words in several batches at once."""

    def read_at_sizes(self, batches: Iterable[Batch],
                      full: Full | None = None) -> tuple[Tensor, Labels]:
        """How the spotter reads words at several sizes; :meth:`.read_along` of each, but faster.

        Args:
            batches: K batches, K > 0, with the same N words in each, N > 0.
            full: See :class:`DistillableSpotter`.

        Returns:
            Logits of shape (K, N, T, V), and the labels of the N words.
        """
        ...
