"""MATRN's decoder: read the image, correct by a language model, fuse, repeat."""
from __future__ import annotations

from typing import Any, Sequence

from mmocr.models.common.dictionary import Dictionary
from mmocr.models.textrecog.decoders import BaseDecoder
from mmocr.registry import MODELS
from mmocr.structures import TextRecogDataSample
from torch import Tensor


@MODELS.register_module()
class MATRNFuser(BaseDecoder):
    """Decoder of MATRN (arXiv 2111.15263) on MMOCR's ABINet decoders.

    The vision decoder reads the image. Then, ``num_iters`` times: the language decoder corrects
    the last reading (through which no gradient flows if its ``detach_tokens`` is set, as it is
    in the official code), and the fusion combines both. Training and testing iterate alike.

    Args:
        dictionary: Dictionary, or its config, with an end token. Without a start token all
            ``max_seq_len`` steps are trained, see
            :class:`~mmocr_kd.models.module_losses.MATRNModuleLoss`.
        vision_decoder: Config of an ABIVisionDecoder.
        language_decoder: Config of an ABILanguageDecoder; of an
            :class:`.ExportableABILanguageDecoder`, for export to ONNX.
        semantic_visual: Config of a
            :class:`~mmocr_kd.models.decoders.semantic_visual_fusion.SemanticVisualFusion`.
            All three get ``dictionary`` and ``max_seq_len`` from here.
        num_iters: Iterations, > 0. The paper has 3.
        max_seq_len: Number of steps T, the end token included. The paper has 26.
        module_loss: Config of the loss.
        postprocessor: Config of the postprocessor.
        init_cfg: As for MMEngine's BaseModule.

    Raises:
        ValueError: If the dictionary has no end token, widths differ, or a field is out of range.
    """

    def __init__(self,
                 dictionary: dict[str, Any] | Dictionary,
                 vision_decoder: dict[str, Any],
                 language_decoder: dict[str, Any],
                 semantic_visual: dict[str, Any],
                 num_iters: int = 3,
                 max_seq_len: int = 26,
                 module_loss: dict[str, Any] | None = None,
                 postprocessor: dict[str, Any] | None = None,
                 init_cfg: dict[str, Any] | list[dict[str, Any]] | None = None) -> None:
        super().__init__(dictionary=dictionary, module_loss=module_loss,
                         postprocessor=postprocessor, max_seq_len=max_seq_len, init_cfg=init_cfg)
        if num_iters < 1:
            raise ValueError(f'num_iters={num_iters} must be positive')
        if self.dictionary.end_idx is None:
            raise ValueError('the dictionary of MATRNFuser has no end token: use with_end=True')
        self.num_iters = num_iters
        self.vision_decoder = self._build('vision_decoder', vision_decoder)
        self.language_decoder = self._build('language_decoder', language_decoder)
        self.semantic_visual = self._build('semantic_visual', semantic_visual)
        self._check_widths()

    def forward_train(self,
                      feat: Tensor | None,
                      out_enc: Tensor,
                      data_samples: Sequence[TextRecogDataSample] | None = None
                      ) -> dict[str, Any]:
        """Read the encoder's feature map; the ground truth is not used.

        Args:
            feat: Ignored.
            out_enc: Feature map of the encoder, shape (N, E, H, W).
            data_samples: Ignored.

        Returns:
            As ABIFuser gives it, with logits of shape (N, T, C): ``out_vis`` with ``feature``,
            ``logits`` and ``attn_scores`` (N, T, H, W); ``out_langs``, a list with ``feature``
            and ``logits`` per iteration; ``out_fusers``, a list with ``feature``, ``logits``,
            ``visual_logits`` and ``semantic_logits`` per iteration.
        """
        out_vis = self.vision_decoder(feat, out_enc, data_samples)
        out_langs: list[dict[str, Tensor]] = []
        out_fusers: list[dict[str, Tensor]] = []
        logits = out_vis['logits']
        for _ in range(self.num_iters):
            out_langs.append(self.language_decoder(feat, logits, data_samples))
            lengths = word_lengths(out_langs[-1]['logits'], self.dictionary.end_idx)
            out_fusers.append(self.semantic_visual(
                out_enc, out_vis['attn_scores'], out_langs[-1]['feature'], lengths))
            logits = out_fusers[-1]['logits']
        return dict(out_vis=out_vis, out_langs=out_langs, out_fusers=out_fusers)

    def forward_test(self,
                     feat: Tensor | None,
                     out_enc: Tensor,
                     data_samples: Sequence[TextRecogDataSample] | None = None) -> Tensor:
        """Read the encoder's feature map.

        Args:
            feat: Ignored.
            out_enc: As for :meth:`forward_train`.
            data_samples: Ignored.

        Returns:
            Probabilities after the last iteration, shape (N, T, C).
        """
        return self.forward_train(feat, out_enc)['out_fusers'][-1]['logits'].softmax(dim=2)

    def _build(self, name: str, cfg: dict[str, Any]) -> Any:
        shared = dict(dictionary=self.dictionary, max_seq_len=self.max_seq_len)
        if own := sorted(shared.keys() & cfg.keys()):
            raise ValueError(f'{name} has its own {own[0]}={cfg[own[0]]!r}: leave it out, the '
                             f'decoders of MATRN share that of MATRNFuser')
        return MODELS.build({**cfg, **shared})

    def _check_widths(self) -> None:
        widths = {'vision_decoder.in_channels': self.vision_decoder.cls.in_features,
                  'language_decoder.d_model': self.language_decoder.cls.in_features,
                  'semantic_visual.d_model': self.semantic_visual.cls.in_features}
        if len(set(widths.values())) > 1:
            raise ValueError(f'the features of MATRN are fused, but their widths differ: {widths}; '
                             f'use the same everywhere')


def word_lengths(logits: Tensor, end_idx: int, shortest: int = 2) -> Tensor:
    """How many steps a reading has, its end token included.

    Args:
        logits: Shape (N, T, C).
        end_idx: Class of the end token.
        shortest: Shorter readings count as that long (2 in the official code).

    Returns:
        Long, in [shortest, T], shape (N,); T without an end token.
    """
    ended = (logits.argmax(dim=2) == end_idx).long().cumsum(dim=1) > 0  # ONNX counts no booleans
    return ((~ended).sum(dim=1) + 1).clamp(shortest, logits.shape[1])
