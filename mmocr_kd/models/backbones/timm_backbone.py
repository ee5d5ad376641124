"""Any timm network as a detection backbone: a wide choice of teachers for one small class."""
from __future__ import annotations

from typing import Any, Sequence

from mmengine.model import BaseModule
from mmocr.registry import MODELS
from torch import Tensor, nn


@MODELS.register_module()
class TIMMFeatures(BaseModule):
    """Feature pyramid of a `timm <https://github.com/huggingface/pytorch-image-models>`_ model.

    Args:
        model_name: Name known to ``timm.create_model``, e.g. 'efficientnet_lite0'.
        out_indices: Which pyramid levels to return; timm counts from stride 2, so (1, 2, 3, 4)
            are the strides 4, 8, 16 and 32 that FPN-like necks expect. Blocks after the last of
            them are left out.
        pretrained: Let timm fetch its own weights (needs network access).
        init_cfg: MMEngine initialisation. A 'Pretrained' checkpoint holds keys below ``timm.``.

    Raises:
        ImportError: If timm is not installed.
        RuntimeError: From timm, if ``model_name`` is unknown to it.
    """

    def __init__(self,
                 model_name: str,
                 out_indices: Sequence[int] = (1, 2, 3, 4),
                 pretrained: bool = False,
                 init_cfg: dict[str, Any] | None = None) -> None:
        super().__init__(init_cfg=init_cfg)
        try:
            import timm
        except ImportError as error:
            raise ImportError('TIMMFeatures needs timm: run "pip install timm"') from error
        self.timm: Any = timm.create_model(
            model_name, pretrained=pretrained, features_only=True, out_indices=tuple(out_indices))
        info: Any = self.timm.feature_info
        self._drop_blocks_after(info.module_name()[-1])

    @property
    def out_channels(self) -> list[int]:
        """Channels of each returned map."""
        return list(self.timm.feature_info.channels())

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        """Extract features.

        Args:
            x: Images, shape (N, 3, H, W).

        Returns:
            One map per entry of ``out_indices``, shape (N, C_i, H / 2^(i+1), W / 2^(i+1)).
        """
        return tuple(self.timm(x))

    def _drop_blocks_after(self, last: str) -> None:
        """Left in by timm in networks such as EfficientNet; DDP waits for their gradients."""
        path, _, index = last.rpartition('.')
        blocks = getattr(self.timm, path, None) if path else None
        if isinstance(blocks, nn.Sequential):
            setattr(self.timm, path, blocks[:int(index) + 1])
