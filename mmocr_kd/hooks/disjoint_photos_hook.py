"""Nothing is trained on the photos it is tested on."""
from __future__ import annotations

from typing import Any, Sequence

from mmengine.dataset import BaseDataset
from mmengine.hooks import Hook
from mmengine.runner import Runner
from mmocr.registry import DATASETS, HOOKS

from ..datasets.parts import parts
from ..datasets.source_photos import infos, read_grey, shared_photos, words_on_photos


@HOOKS.register_module()
class DisjointPhotosHook(Hook):
    """Stops a training before it starts if what it learns from shows validation photos.

    Photos are compared by their pixels, whatever their names, and words with the places they
    would have been cut out of (see :mod:`mmocr_kd.datasets.source_photos`). It takes about a second
    for 500 photos and two for 4,000 words.

    Args:
        words: Configs of the word data sets that a part of this model, such as the recogniser of a
            spotter, was trained on before: as ``CheckedRecogLMDBDataset``, with ``not_on`` if its
            training had it.

    Raises:
        ValueError: In ``before_train``, if photos are shared, with examples.
    """

    def __init__(self, words: Sequence[dict[str, Any]] = ()) -> None:
        self.words = words

    def before_train(self, runner: Runner) -> None:
        """Compare the training set and ``words`` with the validation set.

        Args:
            runner: MMEngine's runner.
        """
        if runner.val_loop is None:
            return
        for photos in parts(runner.val_dataloader.dataset):
            for learnt in parts(runner.train_dataloader.dataset):
                self._check_photos(learnt, photos)
            for words in self.words:
                self._check_words(words, photos)

    def _check_photos(self, learnt: BaseDataset, photos: BaseDataset) -> None:
        if shared := shared_photos(learnt, photos):
            raise ValueError(
                f'{len(shared)} photos of the training data {learnt.ann_file!r} are in the '
                f'validation data {photos.ann_file!r}, such as {shared[0]}: scores would be about '
                'images the model knows. Take them out of either')

    def _check_words(self, cfg: dict[str, Any], photos: BaseDataset) -> None:
        words = DATASETS.build(dict(cfg, pipeline=[]))
        images = (read_grey(info['img_path']) for info in infos(words))
        if count := words_on_photos(images, photos).sum():
            raise ValueError(
                f'{count} of {len(words)} words of {words.ann_file!r}, on which a part of this '
                f'model was trained, are on photos of {photos.ann_file!r}: end-to-end scores would '
                'be void. Train that part with not_on=[<the validation photos>] in its data set, '
                'and write it into words of this hook as well')
