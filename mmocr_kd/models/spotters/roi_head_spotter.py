"""Two-stage spotters of other projects, read as DLD asks."""
from __future__ import annotations

from contextlib import contextmanager
from typing import Any, Iterator, Sequence

from torch import Tensor

from ...adapters import on_canvas
from ...adapters.recognition import labels_of, prepare_targets
from .part_losses import idle_loss
from .rec_taps import RecTaps
from .roi_words import RoIWords, outlined_words
from .trainable_texts import TrainableTexts

PARTS = ('backbone', 'det_head', 'roi_head')
ROI_PARTS = ('roi_extractor', 'rec_head')


class RoIHeadSpotter:
    """Makes a spotter such as ABCNet of MMOCR's projects distillable, without importing it.

    A plain object: the model stays where its owner keeps it, and its parameters are in no module
    tree twice. The model's parts are called one by one, so that its own ``loss`` is not needed:
    detection by ``det_head.loss``, words cut out of the features by ``roi_head.roi_extractor``
    (after ``roi_head.neck``, if there is one), read by ``roi_head.rec_head``, whose encoder puts
    time first.

    Args:
        model: With ``backbone``, ``det_head`` and ``roi_head``; a ``neck`` is optional.
    """

    def __init__(self, model: Any) -> None:
        self.model = model

    @property
    def rec_decoder(self) -> Any:
        """The recogniser's decoder."""
        return self.model.roi_head.rec_head.decoder

    def normalized(self, inputs: Tensor, data_samples: Sequence[Any]) -> Tensor:
        """The batch as it is: the model's data preprocessor has normalised it."""
        return inputs

    def words_of(self, data_samples: Sequence[Any]) -> RoIWords:
        """The annotated words the recogniser can learn, outlined by Bezier curves.

        Args:
            data_samples: B samples at full resolution, left untouched.
        """
        return outlined_words(data_samples, TrainableTexts(self.rec_decoder))

    def losses_and_taps(self, inputs: Tensor, data_samples: Sequence[Any],
                        words: RoIWords) -> tuple[dict[str, Any], RecTaps | None]:
        """Losses named 'det.' and 'rec.' and what the part calls them; see the protocol.

        The recogniser always sees the true previous character here (ABCNet trained alone sees its
        own guess half of the time), and its loss is that of the very pass the taps are of.

        Args:
            inputs: Normalised images, shape (B, 3, H, W).
            data_samples: B samples of these images, left untouched.
            words: Words of these images.

        Returns:
            The losses, and the taps; None without words.

        Raises:
            ValueError: If the detection head cannot be trained.
        """
        features = self.model.extract_feat(inputs)
        losses = self._det_losses(features, inputs, data_samples)
        if not len(words):
            # All of the model: levels of the neck only words are read from have no other loss.
            return losses | {'rec.loss_idle': idle_loss([self.model], inputs)}, None
        samples = words.samples()
        taps = self._read(features, inputs, words, samples)
        rec_losses = self.rec_decoder.module_loss(taps.logits, samples)
        return losses | {f'rec.{name}': value for name, value in rec_losses.items()}, taps

    def rec_taps(self, inputs: Tensor, data_samples: Sequence[Any],
                 words: RoIWords) -> RecTaps | None:
        """How the model reads the words; see the protocol."""
        if not len(words):
            return None
        return self._read(self.model.extract_feat(inputs), inputs, words, words.samples())

    def predict(self, inputs: Tensor, data_samples: Sequence[Any]) -> Sequence[Any]:
        """The model's own prediction, on samples of its own."""
        return self.model.predict(inputs, [sample.new() for sample in data_samples])

    def _det_losses(self, features: Any, inputs: Tensor,
                    data_samples: Sequence[Any]) -> dict[str, Any]:
        head = self.model.det_head
        if getattr(head, 'module_loss', None) is None:
            raise ValueError(f'the det_head ({type(head).__name__}) has no module_loss: take a '
                             "config for training, or add one, e.g. 'ABCNetDetModuleLoss'")
        # Copies: ABCNet's loss drops ignored words from the samples it gets.
        losses = head.loss(features, on_canvas(inputs, data_samples))
        return {f'det.{name}': value for name, value in losses.items()}

    def _read(self, features: Any, inputs: Tensor, words: RoIWords,
              samples: Sequence[Any]) -> RecTaps:
        """Read along the labels, in training and eval mode alike."""
        recognizer, decoder = self.model.roi_head.rec_head, self.rec_decoder
        prepare_targets(decoder, samples)
        roi = self._pool(features, words.proposals(len(inputs), inputs.device))
        visual = recognizer.extract_feat(roi)
        encoded = recognizer.encoder(visual, samples)
        _check_time_first(encoded, len(words))
        with _no_own_guesses(decoder):
            # Not decoder(...), which reads freely in eval mode and gives probabilities.
            logits = decoder.forward_train(visual, encoded, samples)
        labels = labels_of(decoder, samples, logits)
        return RecTaps(roi, encoded.transpose(0, 1), logits, labels,
                       words.image_index.to(inputs.device, non_blocking=True))

    def _pool(self, features: Any, proposals: Sequence[Any]) -> Tensor:
        head = self.model.roi_head
        levels = tuple(features)[:getattr(head.roi_extractor, 'num_inputs', None)]
        if getattr(head, 'neck', None) is not None:
            levels = head.neck(levels)
        return head.roi_extractor(levels, proposals)


@contextmanager
def _no_own_guesses(decoder: Any) -> Iterator[None]:
    """Let a decoder that tosses a coin between label and own guess (ABCNet) take the label.

    ``teach_prob`` is, despite its name, the probability of the guess.
    """
    before = getattr(decoder, 'teach_prob', None)
    if before is None:
        yield
        return
    decoder.teach_prob = 0.0
    try:
        yield
    finally:
        decoder.teach_prob = before


def _check_time_first(encoded: Tensor, num_words: int) -> None:
    if encoded.dim() != 3 or encoded.shape[1] != num_words:
        raise ValueError(f"the encoder's output has shape {tuple(encoded.shape)}, expected (steps, "
                         f'words, channels) of {num_words} words, as of ABCNetRecEncoder')
