"""Where each recogniser of MMOCR keeps what is distilled."""
from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from operator import itemgetter
from typing import Any, Callable, Sequence

import torch
from torch import Tensor, nn

from ...distill import Source


@dataclass(frozen=True)
class ReadingSources:
    """What to record in a recogniser to get a :class:`~mmocr_kd.losses.Reading`.

    What picks is a function with a name, so that a model that is listened to can be pickled.

    Args:
        logits: Raw logits, shape (N, T, C), or (P, N, T, C) for P readings of the batch.
        glimpses: What the classifier sees of each character, shape (N, T, E) or (P, N, T, E);
            of each frame for CTC.
        attention: Attention maps, shape (N, T, h, w), or flattened to (N, T, h * w); None if
            the decoder keeps them to itself.
        visual: Module whose output is the visual feature, unless the user names another.
    """

    logits: Source
    glimpses: Source
    attention: Source | None = None
    visual: str = 'backbone'


def reading_sources(decoder: nn.Module) -> ReadingSources:
    """Look up a decoder's sources.

    Args:
        decoder: ``model.decoder`` of a recogniser.

    Raises:
        TypeError: If decoders of this type are not known.
    """
    for kind in type(decoder).__mro__:
        if kind.__name__ in _FAMILIES:
            return _FAMILIES[kind.__name__](decoder)
    raise TypeError(f'the decoder is a {type(decoder).__name__}; low-resolution distillation '
                    f'knows {sorted(_FAMILIES)} and their subclasses')


def reading_logits(model: Any) -> Source:
    """Where a recogniser has its logits; see :class:`ReadingSources`."""
    return reading_sources(model.decoder).logits


def reading_glimpses(model: Any) -> Source:
    """Where a recogniser has what it sees of each character."""
    return reading_sources(model.decoder).glimpses


def reading_attention(model: Any) -> Source | None:
    """Where a recogniser has its attention; None if it keeps that to itself."""
    return reading_sources(model.decoder).attention


def reading_visual(model: Any) -> Source:
    """Where a recogniser has the visual feature that suits its decoder."""
    return Source(reading_sources(model.decoder).visual)


def _abinet(decoder: Any) -> ReadingSources:
    return ReadingSources(
        logits=Source('decoder', pick=_fused_logits),
        # The vision branch's: what the official code compares, and all that a vision-only
        # ABINet has.
        glimpses=Source('decoder.vision_decoder', pick=itemgetter('feature')),
        attention=Source('decoder.vision_decoder', pick=itemgetter('attn_scores')),
        visual='backbone.layer3')


def _fused_logits(output: dict[str, Any]) -> Tensor:
    last = output['out_fusers'][-1] if output['out_fusers'] else output['out_vis']
    return last['logits']


def _parseq(decoder: Any) -> ReadingSources:
    return ReadingSources(
        logits=Source('decoder', pick=partial(_orders, 'logits')),
        glimpses=Source('decoder', pick=partial(_orders, 'features')))


def _orders(name: str, output: dict[str, Any]) -> Tensor:
    return torch.stack(list(output[name]))


def _nrtr(decoder: Any) -> ReadingSources:
    attention = f'decoder.layer_stack.{len(decoder.layer_stack) - 1}.enc_attn.attention'
    return ReadingSources(
        logits=Source('decoder'),
        glimpses=Source('decoder.classifier', io='input'),
        attention=Source(attention, pick=_mean_over_heads))


def _mean_over_heads(output: Any) -> Tensor:
    return output[1].mean(1)


def _master(decoder: Any) -> ReadingSources:
    attention = f'decoder.decoder_layers.{len(decoder.decoder_layers) - 1}.attentions.1.attn'
    return ReadingSources(
        logits=Source('decoder'),
        glimpses=Source('decoder.cls', io='input'),
        attention=Source(attention, pick=itemgetter(1)))


def _parallel_sar(decoder: Any) -> ReadingSources:
    return ReadingSources(
        logits=Source('decoder'),
        # Step 0 reads the holistic feature and predicts nothing.
        glimpses=Source('decoder.prediction', io='input', pick=_after_first),
        attention=Source('decoder.conv1x1_2', pick=_attention_after_first))


def _after_first(steps: Tensor) -> Tensor:
    return steps[:, 1:]


def _attention_after_first(energies: Tensor) -> Tensor:
    return _softmax(energies[:, 1:, ..., 0])


def _sequential_sar(decoder: Any) -> ReadingSources:
    return ReadingSources(
        logits=Source('decoder'),
        glimpses=Source('decoder.prediction', io='input', pick=_stack, calls='all'),
        attention=Source('decoder.conv1x1_2', calls='all', pick=_attention_of_steps))


def _attention_of_steps(energies: Sequence[Tensor]) -> Tensor:
    return _softmax(torch.cat(list(energies), dim=1))


def _attn_lstm(decoder: Any) -> ReadingSources:
    return ReadingSources(
        logits=Source('decoder'),
        glimpses=Source('decoder.classifier', io='input'),
        attention=Source('decoder.attention', calls='all', pick=_weights_of_steps))


def _weights_of_steps(steps: Sequence[tuple[Tensor, Tensor]]) -> Tensor:
    return _stack([weights for _, weights in steps])


def _abcnet(decoder: Any) -> ReadingSources:
    return ReadingSources(
        logits=Source('decoder'),
        glimpses=Source('decoder.out', io='input', pick=_stack, calls='all'))


def _aster(decoder: Any) -> ReadingSources:
    return ReadingSources(
        logits=Source('decoder'),
        glimpses=Source('decoder.fc', io='input', pick=_stack, calls='all'))


def _robust_scanner(decoder: Any) -> ReadingSources:
    return ReadingSources(
        logits=Source('decoder'), glimpses=Source('decoder.prediction', io='input'))


def _crnn(decoder: Any) -> ReadingSources:
    if isinstance(decoder.decoder, nn.Conv2d):
        frames = Source('decoder.decoder', io='input', pick=_columns)
    else:
        frames = Source('decoder.decoder.1.rnn', pick=_frames)
    return ReadingSources(logits=Source('decoder'), glimpses=frames)


def _columns(feature: Tensor) -> Tensor:
    return feature[:, :, 0].mT


def _frames(output: Sequence[Tensor]) -> Tensor:
    return output[0].transpose(0, 1)


def _svtr(decoder: Any) -> ReadingSources:
    return ReadingSources(
        logits=Source('decoder'),
        glimpses=Source('decoder.decoder', io='input'),
        visual='encoder')


def _stack(steps: Sequence[Tensor]) -> Tensor:
    return torch.stack(list(steps), dim=1)


def _softmax(energies: Tensor) -> Tensor:
    """Attention maps of energy maps (N, T, h, w)."""
    return energies.flatten(2).softmax(-1).view_as(energies)


# By name: a plugin may bring the class, and nothing here needs to import it.
_FAMILIES: dict[str, Callable[[Any], ReadingSources]] = {
    'ABCNetRecDecoder': _abcnet,
    'ABIFuser': _abinet,
    'ASTERDecoder': _aster,
    'AttnLSTMDecoder': _attn_lstm,
    'CRNNDecoder': _crnn,
    'MATRNFuser': _abinet,
    'MasterDecoder': _master,
    'NRTRDecoder': _nrtr,
    'PARSeqDecoder': _parseq,
    'ParallelSARDecoder': _parallel_sar,
    'RobustScannerFuser': _robust_scanner,
    'SVTRDecoder': _svtr,
    'SequentialSARDecoder': _sequential_sar,
}
