"""A student as a graph in an ONNX file."""
from __future__ import annotations

import io
import json
import warnings
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Sequence

import numpy as np
import torch
from mmengine.config import Config
from mmocr.models.textrecog.decoders import ABILanguageDecoder, NRTRDecoder
from mmocr.models.textrecog.encoders import NRTREncoder, SATRNEncoder
from mmocr.registry import MODELS
from torch import Tensor, nn

from ...reader.onnx_file import KEY, OnnxFile
from ...reader.resizing import prepare
from ...store.files import write_whole
from ..distillation import student_config
from ..read_config import class_of
from ..student import build_loaded, read_checkpoint, student_checkpoint
from .description import CAN_BE_EXPORTED, describe

OPSET = 17
# What MMOCR computes in ways that no graph holds -> our subclass of the same weights.
_EXPORTABLE = {ABILanguageDecoder: 'ExportableABILanguageDecoder',
               NRTREncoder: 'ExportableNRTREncoder', NRTRDecoder: 'ExportableNRTRDecoder',
               SATRNEncoder: 'ExportableSATRNEncoder'}
_MASKED = (NRTREncoder, NRTRDecoder, SATRNEncoder)  # padding is masked in them


@dataclass
class Export:
    """A student that becomes a file.

    Attributes:
        about: What the file says about itself.
        model: The student as MMOCR runs it, in eval mode.
        graph: The bytes of the file.
    """

    about: dict[str, Any]
    model: nn.Module
    graph: bytes

    def save(self, path: Path) -> None:
        """Write the file, whole or not at all.

        Args:
            path: Where; its folder is made if missing.

        Raises:
            OSError: If that fails.
        """
        write_whole(path, self.graph)

    def saying(self, **more: Any) -> Export:
        """The same, but the file says more about itself.

        Args:
            **more: What.
        """
        about = {**self.about, **more}
        return replace(self, about=about, graph=described(self.graph, about))


def require_own_graph(out: Path) -> None:
    """Refuse to replace what ``mmocr-kd export`` did not write.

    Args:
        out: Where a graph will be written.

    Raises:
        FileExistsError: If there is something else.
    """
    try:
        if out.exists():
            OnnxFile(out)
    except ValueError as error:
        raise FileExistsError(f'{out} exists and was not written by "mmocr-kd export": delete it, '
                              'or give the result another name') from error


class Network(nn.Module):
    """The graph: normalised images to probabilities.

    Args:
        model: A detector or recogniser in eval mode.
        about: What it is.
    """

    def __init__(self, model: nn.Module, about: dict[str, Any]) -> None:
        super().__init__()
        self.model = model
        self.kind = about.get('postprocessor', {}).get('kind')
        self.masked = any(isinstance(module, _MASKED) for module in model.modules())

    def forward(self, images: Tensor, valid_ratios: Tensor | None = None) -> Tensor:
        """Look at images.

        Args:
            images: Shape (N, C, H, W).
            valid_ratios: Share of the widths that is no padding, float64, shape (N,), for
                networks that mask it.

        Returns:
            (N, H, W) of a DBNet, (N, C, h, w) of a PSENet or PANet, (N, T, C) of a recogniser.
        """
        # One sample for all, which is no TextRecogDataSample: that copies what it is given.
        samples = None if valid_ratios is None else [{'valid_ratio': valid_ratios}]
        return activated(self.model(images, samples, mode='tensor'), self.kind)


def activated(outputs: Tensor, kind: str | None) -> Tensor:
    """Logits of PSENet, and of the text and kernel of PANet, as probabilities; others as they are.

    Args:
        outputs: What a model returns in its mode 'tensor'.
        kind: Of its postprocessor: 'db', 'pse', 'pan'; None of recognisers.
    """
    if kind == 'pan':
        return torch.cat([outputs[:, :2].sigmoid(), outputs[:, 2:]], 1)
    return outputs.sigmoid() if kind == 'pse' else outputs


def export_onnx(cfg: Config, checkpoint: str | Path, peer: bool = False,
                single: bool = False, part: str = '') -> Export:
    """Draw a student's graph.

    Batches may have any size. So may the images of detectors, as far as their preprocessor pads
    them, and be as wide as they like for recognisers whose tests do not fix a width.

    Args:
        cfg: The training's config, or the student's.
        checkpoint: The training's, or a plain one.
        peer: Of a ``MutualDistiller``, take the second student.
        single: The graph takes one image at a time.
        part: What the keys of its weights begin with in the checkpoint of a larger model.

    Raises:
        ImportError: Without onnx.
        ValueError: If the checkpoint does not fit, or the student cannot be exported.
    """
    model, about = plain_model(cfg, checkpoint, peer, part)
    drawn = build_loaded(cfg, exportable(student_config(cfg.model, peer)), model.state_dict(),
                         checkpoint).eval()
    return Export(about, model, described(_drawn(Network(drawn, about), about, single), about))


def plain_model(cfg: Config, checkpoint: str | Path, peer: bool = False,
                part: str = '') -> tuple[nn.Module, dict[str, Any]]:
    """A student as MMOCR runs it, in eval mode, and what a reader has to know of it.

    Args:
        cfg: See :func:`export_onnx`.
        checkpoint: See there.
        peer: See there.
        part: See there.

    Raises:
        ValueError: If the checkpoint does not fit, or no reader knows such a model.
    """
    whole = student_checkpoint(read_checkpoint(checkpoint), peer=peer)['state_dict']
    state = {key[len(part):]: value for key, value in whole.items() if key.startswith(part)}
    model = build_loaded(cfg, student_config(cfg.model, peer), state, checkpoint).eval()
    return model, describe(cfg, model)


def exportable(part: Any) -> Any:
    """A model's config with types that can be exported where MMOCR's cannot.

    Args:
        part: The config, or a part of it.
    """
    if isinstance(part, dict):
        changed = {key: exportable(value) for key, value in part.items()}
        kind = class_of(part, MODELS) if isinstance(part.get('type'), (str, type)) else None
        return {**changed, 'type': _EXPORTABLE[kind]} if kind in _EXPORTABLE else changed
    return type(part)(map(exportable, part)) if isinstance(part, (list, tuple)) else part


def _fix_pools(network: Network, *given: Tensor) -> None:
    """Average to a fixed size by windows where that is the same, which is all that ONNX knows."""
    seen: dict[nn.AdaptiveAvgPool2d, torch.Size] = {}
    hooks = [module.register_forward_hook(
        lambda pool, inputs, output: seen.update({pool: inputs[0].shape[2:]}))
        for module in network.modules() if isinstance(module, nn.AdaptiveAvgPool2d)]
    network(*given)
    for hook in hooks:
        hook.remove()
    for parent in list(network.modules()):
        for name, pool in parent.named_children():
            window = _window(seen[pool], pool.output_size) if pool in seen else None
            if window is not None:
                setattr(parent, name, nn.AvgPool2d(window))


def _window(before: Sequence[int], after: Any) -> Any:
    after = (after, after) if isinstance(after, int) else tuple(after)
    if set(after) == {1} or any(side is None for side in after):
        return None  # ONNX has these
    exact = all(side % new == 0 for side, new in zip(before, after))
    return tuple(side // new for side, new in zip(before, after)) if exact else None


@torch.no_grad()
def _drawn(network: Network, about: dict[str, Any], single: bool) -> bytes:
    example = _example(about)[:1 if single else None]
    names = ['images', 'valid_ratios'] if network.masked else ['images']
    given = (example, torch.ones(len(example), dtype=torch.double))[:len(names)]
    if about['task'] == 'recognition':
        _fix_pools(network, *given)
    axes: dict[str, dict[int, str]] = {
        name: {} if single else {0: 'batch'} for name in [*names, 'probabilities']}
    axes['images'] |= {place: name for place, name in ((2, 'height'), (3, 'width'))
                       if _is_free(name, about)}
    return drawn_graph(network, given, names, 'probabilities', axes, about)


def drawn_graph(network: nn.Module, given: tuple[Tensor, ...], names: list[str], output: str,
                axes: dict[str, dict[int, str]], about: dict[str, Any]) -> bytes:
    """Draw a module as a graph.

    Args:
        network: In eval mode.
        given: Examples of its inputs.
        names: Of the inputs.
        output: Name of the output.
        axes: Which axes of what may have any length, and their names.
        about: What the file will say about itself.

    Raises:
        ImportError: Without onnx.
        ValueError: If it cannot be drawn.
    """
    _onnx()  # PyTorch's exporter needs it, and hides that among its own errors
    file: Any = io.BytesIO()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter('ignore')  # the export is run and compared afterwards
            torch.onnx.export(network, given, file, input_names=names, verbose=False,
                              output_names=[output], dynamic_axes=axes,
                              opset_version=OPSET, dynamo=False)
    except ImportError:
        raise
    except Exception as error:  # PyTorch's exporter raises many types
        raise ValueError(f'{about["model"]} cannot be drawn as a graph: {error}\nWhat can be '
                         f'exported: {CAN_BE_EXPORTED}') from error
    return file.getvalue()


def _example(about: dict[str, Any]) -> Tensor:
    """A batch to draw the graph from; grey, two images."""
    if about['task'] == 'detection':
        side = max(about['image']['divisor'], 32) * 4
        return torch.zeros(2, 1 if about['image']['channels'] == 'grey' else 3, side, side)
    word = np.full((32, 128, 3), 127, np.uint8)
    return torch.from_numpy(np.stack([prepare(word, about['image']).pixels] * 2))


def _is_free(side: str, about: dict[str, Any]) -> bool:
    """Whether a side of what the model sees depends on the photo."""
    fixed = {'resize': ('width', 'height'), 'pad_width': ('width', ), 'to_height': ('height', )}
    steps = [step['step'] for step in about['image']['steps']]
    return about['task'] == 'detection' or not any(side in fixed.get(step, ()) for step in steps)


def described(graph: bytes, about: dict[str, Any]) -> bytes:
    """A graph that says about itself what a reader has to know.

    Args:
        graph: Of :func:`drawn_graph`.
        about: That.
    """
    model = _onnx().load_from_string(graph)
    del model.metadata_props[:]
    model.metadata_props.add(key=KEY, value=json.dumps(about, ensure_ascii=False))
    written: bytes = model.SerializeToString()
    return written


def _onnx() -> Any:
    try:
        import onnx
    except ImportError as error:
        raise ImportError("exporting needs onnx and ONNX Runtime: pip install 'mmocr_kd[export]'"
                          ) from error
    return onnx
