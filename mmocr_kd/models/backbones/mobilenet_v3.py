"""MobileNetV3 for detection: torchvision's network, tapped at four strides."""
from __future__ import annotations

from typing import Any, Sequence

import torchvision
from mmengine.logging import print_log
from mmengine.model import BaseModule
from mmengine.runner.checkpoint import _load_checkpoint
from mmocr.registry import MODELS
from torch import Tensor, nn

from ...distill import read_weights

# Index of the last feature block at each of the strides 4, 8, 16 and 32. For 'large' these are
# the taps of the official DB repository; for 'small' they follow the same rule.
_TAPS = {'large': (3, 6, 12, 16), 'small': (1, 3, 8, 12)}


@MODELS.register_module()
class MobileNetV3(BaseModule):
    """MobileNetV3 backbone that returns the feature maps FPN-like necks expect.

    The blocks keep torchvision's names (``features.*``), so torchvision checkpoints load into it.
    At width 1 the maps have ``[24, 40, 112, 960]`` ('large') or ``[16, 24, 48, 576]`` ('small')
    channels, see :attr:`out_channels`.

    Args:
        arch: 'large' or 'small' (Howard et al., "Searching for MobileNetV3").
        width_mult: Channel multiplier, > 0. Pretrained weights exist for 1.0 only.
        out_indices: Which of the four maps (0..3, strides 4, 8, 16, 32) to return, ascending.
            Blocks after the last of them are left out: DDP waits for the gradients of all.
        frozen_stages: Freeze the stem (0) and everything up to the map of stride 4 (1), 8 (2),
            16 (3) or 32 (4). -1 freezes nothing.
        norm_eval: Keep BatchNorm layers in eval mode while training.
        init_cfg: MMEngine initialisation. ``dict(type='Pretrained',
            checkpoint='torchvision://mobilenet_v3_large')`` is loaded strictly: apart from the
            classifier and blocks left out, which have no use here, every key has to match.

    Raises:
        ValueError: If a field has an unknown value.
        RuntimeError: From :meth:`init_weights`, if the checkpoint does not fit.
    """

    def __init__(self,
                 arch: str = 'large',
                 width_mult: float = 1.0,
                 out_indices: Sequence[int] = (0, 1, 2, 3),
                 frozen_stages: int = -1,
                 norm_eval: bool = False,
                 init_cfg: dict[str, Any] | None = None) -> None:
        super().__init__(init_cfg=init_cfg)
        _check_fields(arch, width_mult, out_indices, frozen_stages)
        self.out_indices = tuple(out_indices)
        self.frozen_stages = frozen_stages
        self.norm_eval = norm_eval
        self.taps = _TAPS[arch]
        build = getattr(torchvision.models, f'mobilenet_v3_{arch}')
        features = build(weights=None, width_mult=width_mult).features
        self.features: nn.Sequential = features[:self.taps[max(self.out_indices)] + 1]
        self._freeze()

    @property
    def out_channels(self) -> list[int]:
        """Channels of each returned map, in the order of ``out_indices``."""
        blocks: list[Any] = [self.features[self.taps[i]] for i in self.out_indices]
        return [block.out_channels for block in blocks]

    def init_weights(self) -> None:
        """Initialise by ``init_cfg``; 'Pretrained' is strict (our choice, MMEngine only logs)."""
        cfg = self.init_cfg
        if isinstance(cfg, dict) and cfg.get('type') == 'Pretrained':
            self._load_pretrained(cfg['checkpoint'])
        else:
            super().init_weights()

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        """Extract features.

        Args:
            x: Images, shape (N, 3, H, W).

        Returns:
            Maps of shape (N, C_i, ceil(H / s), ceil(W / s)) with s = 4, 8, 16, 32 for the chosen
            ``out_indices``.
        """
        maps = []
        for index, block in enumerate(self.features):
            x = block(x)
            if index in self.taps:
                maps.append(x)
        return tuple(maps[i] for i in self.out_indices)

    def train(self, mode: bool = True) -> MobileNetV3:
        """Switch mode, but keep frozen stages (and with ``norm_eval`` every BatchNorm) in eval."""
        super().train(mode)
        self._freeze()
        if mode and self.norm_eval:
            for module in self.modules():
                if isinstance(module, nn.modules.batchnorm._BatchNorm):
                    module.eval()
        return self

    def _freeze(self) -> None:
        if self.frozen_stages < 0:
            return
        last = 0 if self.frozen_stages == 0 else self.taps[self.frozen_stages - 1]
        for block in self.features[:last + 1]:
            block.eval()
            block.requires_grad_(False)

    def _load_pretrained(self, checkpoint: str) -> None:
        print_log(f'MobileNetV3: load {checkpoint} strictly', logger='current')
        state = _read_pretrained(checkpoint)
        unused = ('classifier.', *_blocks_after(self.features))
        state = {k: v for k, v in state.items() if not k.startswith(unused)}
        self.load_state_dict(state, strict=True)


def _read_pretrained(checkpoint: str) -> dict[str, Tensor]:
    scheme, separator, _ = checkpoint.partition('://')
    if not separator or scheme in ('http', 'https'):
        return read_weights(checkpoint)
    loaded = _load_checkpoint(checkpoint, map_location='cpu')  # 'torchvision://', 'openmmlab://'
    return loaded.get('state_dict', loaded)


def _blocks_after(features: nn.Sequential) -> tuple[str, ...]:
    """Prefixes of torchvision's blocks (17 at most) that are not there."""
    return tuple(f'features.{index}.' for index in range(len(features), 17))


def _check_fields(arch: str, width_mult: float, out_indices: Sequence[int],
                  frozen_stages: int) -> None:
    if arch not in _TAPS:
        raise ValueError(f"arch={arch!r} is unknown: use 'large' or 'small'")
    if width_mult <= 0:
        raise ValueError(f'width_mult={width_mult} must be positive')
    if not out_indices or any(i not in range(4) for i in out_indices):
        raise ValueError(f'out_indices={tuple(out_indices)} must be a choice of 0, 1, 2, 3')
    if list(out_indices) != sorted(set(out_indices)):
        raise ValueError(f'out_indices={tuple(out_indices)} must be ascending without repeats')
    if frozen_stages not in range(-1, 5):
        raise ValueError(f'frozen_stages={frozen_stages} must be between -1 and 4')
