"""Teachers that read what they know from a store see the training data first."""
from __future__ import annotations

from typing import Any

import torch
from mmengine.hooks import Hook
from mmengine.model import is_model_wrapper
from mmengine.runner import BaseLoop, Runner
from mmocr.registry import HOOKS


@HOOKS.register_module()
class TeacherDataHook(Hook):
    """Lets the teachers of a distilling model prepare the training data.

    Needed beside ``DBNetDistiller`` and the like if a teacher is a ``CachedTeacher``: a model does
    not see its data loader. ``MaskETDistillHook`` does so by itself.

    Raises:
        ValueError: When a run starts, if the model distils nothing.
        StoreError: Likewise, if a store does not fit the teacher or the data.

    Map: what teachers do with the data ``teachers/cached_teacher.py``.
    """

    def before_run(self, runner: Runner) -> None:
        """Prepare the data of a training."""
        model = runner.model.module if is_model_wrapper(runner.model) else runner.model
        if not hasattr(model, 'prepare_data'):
            raise ValueError(f'TeacherDataHook is for models that distil, {type(model).__name__} '
                             'does not: remove it from custom_hooks')
        if isinstance(runner._train_loop, BaseLoop):
            prepare_data(runner._train_loop, model)


def prepare_data(loop: BaseLoop, distils: Any) -> None:
    """Let teachers prepare the data of a training loop.

    Args:
        loop: The loop, built and not yet run.
        distils: What has teachers: ``prepare_data(dataset)`` says whether it changed the data.
    """
    changed = distils.prepare_data(loop.dataloader.dataset)
    if changed and hasattr(loop, 'dataloader_iterator'):  # of IterBasedTrainLoop, running already
        _restart_workers(loop)


def _restart_workers(loop: Any) -> None:
    """They hold copies of the data set; what they were sent for is drawn again."""
    loader = loop.dataloader
    loader._iterator = None  # else persistent workers would go on
    if hasattr(loader.sampler, '_indices_of_rank'):
        loader.sampler.indices = loader.sampler._indices_of_rank()
    with torch.random.fork_rng(devices=[]):
        loop.dataloader_iterator = type(loop.dataloader_iterator)(loader)
