"""A teacher that is a frozen network."""
from __future__ import annotations

import copy
import json
import os
from typing import Any, Mapping, Sequence

import torch
from mmengine.config import Config, ConfigDict
from mmengine.hub import get_config
from mmocr.registry import MODELS
from torch import Tensor, nn

from .checkpoint import load_strictly, read_weights, weights_file
from .digest import digest_of
from .memory_format import to_channels_last
from .precision import computing_in, precision
from .recorder import Recorder, SourceLike
from .renormalize import Normalization, Renormalize
from .teacher import Teacher


@MODELS.register_module()
class ModelTeacher(Teacher):
    """Runs a frozen model on the student's batch.

    The model is built when it is bound, so a config that names a teacher can be built and tested
    without one. It runs features and head outputs only (``mode='tensor'``: no targets, no loss),
    in eval mode, without gradient, and inside the student's autocast. It follows the device and
    dtype of its inputs, renormalises them if it expects another mean, std or channel order, and
    runs in channels-last memory format (our choice: convolutions are up to 1.6x faster), but for
    modules that need the usual one, see :mod:`.memory_format`.

    Args:
        config: Path of a config, ``mmocr::`` path, or a dict: a whole config or just its model.
        checkpoint: Its weights, see :func:`.read_weights`; every key has to match, see
            :func:`.load_strictly`.
        dtype: 'bfloat16', 'float16' or 'float32': the teacher computes in that, where autocast
            allows it, whatever the student does; None: in the student's autocast. Weights stay
            float32, and losses are computed in float32. Compiled mmcv's deformable convolutions
            know no bfloat16.

    A distilling wrapper that has a ``student`` teaches by that: config and checkpoint of one
    distillation are a teacher for the next.

    Raises:
        TypeError: If a field is of another type.
        ValueError: If ``dtype`` is unknown.
        FileNotFoundError, CheckpointError: From :meth:`build` and :meth:`bind`, if config or
            checkpoint do not exist or do not fit.
    """

    def __init__(self, config: str | dict[str, Any], checkpoint: str,
                 dtype: str | None = None) -> None:
        if not isinstance(config, (str, dict)):
            raise TypeError(f'config must be a path or a dict, got a {type(config).__name__}')
        if not isinstance(checkpoint, (str, os.PathLike)):
            raise TypeError(f'checkpoint={checkpoint!r} must be a path or an address: a teacher '
                            'has learnt something')
        self.config = config
        self.checkpoint = checkpoint
        self.dtype = precision(dtype)
        self.model: nn.Module | None = None
        self._recorder: Recorder | None = None

    def build(self) -> nn.Module:
        """Build and load the model, unless that was done before.

        Returns:
            The frozen model.
        """
        self.model = self.model or self._build()
        return self.model

    @property
    def networks(self) -> tuple[nn.Module, ...]:
        """The model, built."""
        return (self.build(), )

    def bind(self, student: nn.Module, wanted: Mapping[str, SourceLike]) -> None:
        """Build the model and listen to it; see :meth:`Teacher.bind`."""
        model = self.build()
        self._renormalize = Renormalize(Normalization.of(student), Normalization.of(model))
        if self._recorder is not None:
            self._recorder.remove()
        self._recorder = Recorder(model, wanted)

    @torch.no_grad()
    def __call__(self, inputs: Tensor, data_samples: Sequence[Any] | None) -> dict[str, Tensor]:
        """Run the model on a batch; see :meth:`Teacher.__call__`."""
        if self.model is None or self._recorder is None:
            raise RuntimeError('the teacher was called before bind()')
        model, images = self.model, self.prepare(inputs)
        with computing_in(self.dtype, inputs.device.type), self._recorder as recorded:
            self._look(model, images, data_samples)
        return recorded

    def identity(self) -> dict[str, Any]:
        """See :meth:`Teacher.identity`: digests of the config's model and of the weights' file."""
        model = json.dumps(_without_start(model_config(self.config)), sort_keys=True, default=str)
        return dict(type=type(self).__name__, config=digest_of(model.encode()),
                    dtype=str(self.dtype),
                    checkpoint=digest_of(weights_file(self.checkpoint, self.config)))

    def prepare(self, inputs: Tensor) -> Tensor:
        """Turn a batch into what the model expects, and take the model to where the batch is.

        Args:
            inputs: Normalised for the student, shape (N, C, H, W).

        Returns:
            Normalised for the teacher, channels last; (N, 1, H, W) if it reads grey images,
            (N, 3, H, W) if it alone reads colours.
        """
        self._follow(inputs)
        return self._renormalize(inputs).contiguous(memory_format=torch.channels_last)

    def _look(self, model: nn.Module, images: Tensor, data_samples: Sequence[Any] | None) -> None:
        # No samples: heads use them for targets and metadata, which a teacher must not touch.
        model(images, None, mode='tensor')

    def _build(self) -> nn.Module:
        model: nn.Module = MODELS.build(model_config(self.config))
        source = self.config if isinstance(self.config, str) else None
        load_strictly(model, read_weights(self.checkpoint, self.config), self.checkpoint, source)
        model = _without_wrapper(model)
        to_channels_last(model)
        return model.eval().requires_grad_(False)

    def _follow(self, inputs: Tensor) -> None:
        assert self.model is not None
        weight = next(self.model.parameters())
        if weight.device != inputs.device or weight.dtype != inputs.dtype:
            self.model.to(device=inputs.device, dtype=inputs.dtype)


def model_config(config: str | dict[str, Any]) -> ConfigDict:
    """The ``model`` part of a config.

    Args:
        config: Path of a config, ``mmocr::`` path, a whole config, or just its model.

    Raises:
        FileNotFoundError: If the path does not exist.
        KeyError: If there is neither a ``model`` nor a ``type``.
    """
    loaded = _read(config) if isinstance(config, str) else config
    model = copy.deepcopy(loaded.get('model', loaded))  # MMOCR's decoders write into theirs
    if 'type' not in model:
        raise KeyError("the teacher's config has neither a 'model' nor a 'type'")
    return ConfigDict(model)


def _without_start(part: Any) -> Any:
    """A config without what the checkpoint replaces: initial weights, and where these lie."""
    if isinstance(part, dict):
        return {key: _without_start(value) for key, value in part.items() if key != 'init_cfg'}
    return [_without_start(one) for one in part] if isinstance(part, (list, tuple)) else part


def _read(config: str) -> Config:
    try:
        return get_config(config) if '::' in config else Config.fromfile(config)
    except FileNotFoundError as error:
        raise FileNotFoundError(
            f"the teacher's config={config!r} does not exist: give the path of a config, or "
            f"'mmocr::<folder>/<name>.py' for one of MMOCR's ({error})") from error


def _without_wrapper(model: nn.Module) -> nn.Module:
    student = getattr(model, 'student', None)
    if not isinstance(student, nn.Module):
        return model
    student.data_preprocessor = model.data_preprocessor  # it is what the student's batches passed
    return student
