"""A config's images, one by one, as a test shows them to a model."""
from __future__ import annotations

import copy
from typing import Any, Iterable, Iterator, Sequence

from mmengine.config import Config
from mmengine.dataset import pseudo_collate
from mmocr.registry import DATASETS
from torch.utils.data import DataLoader

SPLITS = ('train', 'val', 'test')


class ImageData:
    """The images of a split; those of the training through the pipeline of the tests.

    Args:
        cfg: With data loaders.
        split: 'train', 'val' or 'test'.

    Attributes:
        paths: Every image once, in order -> its position.

    Raises:
        ValueError: If there is no such split, no pipeline to test with, or no image.
    """

    def __init__(self, cfg: Config, split: str) -> None:
        if split not in SPLITS or not cfg.get(f'{split}_dataloader'):
            raise ValueError(f'{cfg.filename} has no {split}_dataloader: take one of {SPLITS}')
        loader = cfg[f'{split}_dataloader']
        self.config: dict[str, Any] = copy.deepcopy(loader['dataset'])
        if split == 'train':
            self.config = _shown_by(self.config, pipeline_of_tests(cfg))
        self.dataset = DATASETS.build(copy.deepcopy(self.config))
        self.dataset.full_init()
        self._workers = loader.get('num_workers', 0)
        self.paths: dict[str, int] = {}
        for position in range(len(self.dataset)):
            self.paths.setdefault(self.dataset.get_data_info(position)['img_path'], position)
        if not self.paths:
            raise ValueError(f'{cfg.filename}: the {split} data have no images')

    def batches(self, paths: Iterable[str]) -> Iterator[dict[str, Any]]:
        """Load images, in workers if the config has some.

        Args:
            paths: Which.

        Yields:
            A batch of one image for each, as a data preprocessor takes it.
        """
        positions = [self.paths[path] for path in paths]
        yield from DataLoader(self.dataset, batch_size=1, sampler=positions,
                              num_workers=min(self._workers, len(positions)),
                              collate_fn=pseudo_collate)


def pipeline_of_tests(cfg: Config) -> Sequence[Any]:
    """How a config's tests show an image.

    Args:
        cfg: With a data loader for tests or validation.

    Raises:
        ValueError: If neither has a pipeline.
    """
    for name in ('test_dataloader', 'val_dataloader'):
        pipelines = _pipelines((cfg.get(name) or {}).get('dataset'))
        for pipeline in pipelines:
            return pipeline
    raise ValueError(f'{cfg.filename} has no data for tests: how an image is shown to the model '
                     'is said by the pipeline of its test_dataloader')


def _pipelines(dataset: Any) -> Iterator[Sequence[Any]]:
    if isinstance(dataset, dict):
        if dataset.get('pipeline'):
            yield dataset['pipeline']
        for inner in (dataset.get('dataset'), dataset.get('datasets')):
            yield from _pipelines(inner)
    elif isinstance(dataset, (list, tuple)):
        for one in dataset:
            yield from _pipelines(one)


def _shown_by(dataset: Any, pipeline: Sequence[Any]) -> Any:
    """The same data with another pipeline wherever there is one."""
    if isinstance(dataset, (list, tuple)):
        return [_shown_by(one, pipeline) for one in dataset]
    changed = {key: _shown_by(dataset[key], pipeline) for key in ('dataset', 'datasets')
               if key in dataset}
    if dataset.get('pipeline'):
        changed['pipeline'] = copy.deepcopy(pipeline)
    return {**dataset, **changed}
