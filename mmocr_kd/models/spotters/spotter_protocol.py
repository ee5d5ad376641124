"""What DLD asks of a spotter, whoever wrote it."""
from __future__ import annotations

from typing import Any, Iterable, Protocol, Sequence, runtime_checkable

from torch import Tensor

from ...losses import Labels
from .rec_taps import RecTaps


class SpottedWords(Protocol):
    """The N annotated words of a batch that a recogniser can learn from.

    Chosen once, at full resolution, and then only scaled: so the student, its candidate passes and
    the teacher speak of the same words in the same order, however small some become. If they are a
    dataclass, their ``image_index`` may be replaced when images without words are left out.

    Attributes:
        image_index: Which image each word is in, long, shape (N,).
    """

    image_index: Tensor

    def __len__(self) -> int:
        """N."""
        ...

    def scaled(self, factors: Tensor) -> SpottedWords:
        """The same words in resized images.

        Args:
            factors: By how much each image's width and height grew, shape (B, 2).
        """
        ...


Batch = tuple[Tensor, Sequence[Any], Any]  # images, their samples, and their words


@runtime_checkable
class DistillableSpotter(Protocol):
    """A spotter that reads annotated words along their labels (our choice of an interface).

    All methods take batches as the spotter's own data preprocessor makes them, shape (B, 3, H, W),
    and leave the data samples as they are.

    Attributes:
        rec_decoder: The recogniser's decoder (MMOCR's ``BaseDecoder``); its dictionary and its
            loss say what the logits mean.
    """

    rec_decoder: Any

    def normalized(self, inputs: Tensor, data_samples: Sequence[Any]) -> Tensor:
        """The batch as a network should see it: zero mean, padded with zeros."""
        ...

    def words_of(self, data_samples: Sequence[Any]) -> SpottedWords:
        """The annotated words to read; call it at full resolution.

        Args:
            data_samples: B samples with polygons, texts and ignored words.
        """
        ...

    def losses_and_taps(self, inputs: Tensor, data_samples: Sequence[Any],
                        words: SpottedWords) -> tuple[dict[str, Tensor], RecTaps | None]:
        """One training pass: the spotter's own losses, and how it read the words.

        Args:
            inputs: The batch.
            data_samples: B samples of these images, which may differ in size.
            words: Words of these images, in their pixels.

        Returns:
            Losses that reach every trainable parameter, also without words, as DDP wants; and the
            taps, None without words.
        """
        ...

    def rec_taps(self, inputs: Tensor, data_samples: Sequence[Any],
                 words: SpottedWords) -> RecTaps | None:
        """How the spotter reads the words: the recognition branch alone.

        Follows the labels in training and eval mode alike; batch normalisation and dropout do as
        the mode says.

        Returns:
            The taps, None without words.
        """
        ...

    def predict(self, inputs: Tensor, data_samples: Sequence[Any]) -> Sequence[Any]:
        """Find words and read them; coordinates are those of the original image."""
        ...


@runtime_checkable
class ReadsAtSizes(Protocol):
    """What a spotter may have besides: reading the same words in several batches at once."""

    def read_at_sizes(self, batches: Iterable[Batch]) -> tuple[Tensor, Labels]:
        """How the spotter reads words at several sizes; :meth:`.rec_taps` of each, but faster.

        Args:
            batches: K batches, K > 0, with the same N words in each, N > 0.

        Returns:
            Logits of shape (K, N, T, V), and the labels of the N words.
        """
        ...
