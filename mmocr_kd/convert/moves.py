"""Moving tensors from an official state dict to new keys, so that none is lost or made up."""
from __future__ import annotations

from torch import Tensor

from .errors import OfficialLayoutError

SHOWN = 10  # keys named per kind of problem; the rest is counted
# What only one architecture has
MARKS = {'semantic_visual.': 'matrn', 'alignment.': 'abinet', 'text_embed.': 'parseq'}


class Moves:
    """Takes an official state dict apart, tensor by tensor, with the shape each must have.

    Problems are collected, so that :meth:`finish` can name all of them at once.

    Args:
        official: Official key -> tensor.
        arch: Name of the layout that is expected, for messages.
    """

    def __init__(self, official: dict[str, Tensor], arch: str) -> None:
        self.official = official
        self.arch = arch
        self._moved: dict[str, Tensor] = {}
        self._taken: set[str] = set()
        self._missing: list[str] = []
        self._misshapen: list[str] = []

    def size(self, key: str, dim: int) -> int:
        """A size of the model, read off a tensor.

        Args:
            key: Official key.
            dim: Which dimension.

        Raises:
            OfficialLayoutError: If the tensor is missing or has too few dimensions.
        """
        if key not in self.official or self.official[key].dim() <= dim:
            self._missing.append(key)
            raise self._error(unknown=[])
        return self.official[key].shape[dim]

    def has(self, key: str) -> bool:
        """Whether the file has a key that not all variants of the layout have."""
        return key in self.official

    def count(self, prefix: str) -> int:
        """Number of numbered children: 3 if there are keys 'prefix.0.', 'prefix.1.', 'prefix.2.'.

        Args:
            prefix: Official key prefix, without the last dot.

        Raises:
            OfficialLayoutError: If there is none.
        """
        dots = prefix.count('.') + 1
        numbers = {key.split('.')[dots] for key in self.official if key.startswith(f'{prefix}.')}
        found = next(i for i in range(len(numbers) + 1) if str(i) not in numbers)
        if not found:
            self._missing.append(f'{prefix}.0.*')
            raise self._error(unknown=[])
        return found

    def tensor(self, old: str, new: str, *shape: int) -> None:
        """Move one tensor.

        Args:
            old: Official key.
            new: Key to give it.
            shape: What it must have.
        """
        self._taken.add(old)
        tensor = self.official.get(old)
        if tensor is None:
            self._missing.append(old)
        elif tensor.shape != shape:
            self._misshapen.append(f'{old} {tuple(tensor.shape)}, expected {shape}')
        else:
            self._moved[new] = tensor

    def layer(self, old: str, new: str, *shape: int, bias: bool = True) -> None:
        """Move a linear or convolutional layer.

        Args:
            old: Official key prefix.
            new: Prefix to give it.
            shape: Of the weight; its first number is also the bias's.
            bias: Whether there is one.
        """
        self.tensor(f'{old}.weight', f'{new}.weight', *shape)
        if bias:
            self.tensor(f'{old}.bias', f'{new}.bias', shape[0])

    def batch_norm(self, old: str, new: str, channels: int) -> None:
        """Move a batch normalisation with its statistics.

        Args:
            old: Official key prefix.
            new: Prefix to give it.
            channels: Its width.
        """
        self.layer(old, new, channels)
        for name in ('running_mean', 'running_var'):
            self.tensor(f'{old}.{name}', f'{new}.{name}', channels)
        self.tensor(f'{old}.num_batches_tracked', f'{new}.num_batches_tracked')

    def attention(self, old: str, new: str, width: int) -> None:
        """Move a multi-head attention as PyTorch lays it out.

        Args:
            old: Official key prefix.
            new: Prefix to give it.
            width: Its embedding size.
        """
        self.tensor(f'{old}.in_proj_weight', f'{new}.in_proj_weight', 3 * width, width)
        self.tensor(f'{old}.in_proj_bias', f'{new}.in_proj_bias', 3 * width)
        self.layer(f'{old}.out_proj', f'{new}.out_proj', width, width)

    def finish(self) -> dict[str, Tensor]:
        """Hand over what was moved.

        Returns:
            New key -> tensor; the tensors are copies.

        Raises:
            OfficialLayoutError: If anything was missing, left over or of another shape.
        """
        unknown = [key for key in self.official if key not in self._taken]
        if self._missing or self._misshapen or unknown:
            raise self._error(unknown)
        return {key: tensor.clone() for key, tensor in self._moved.items()}

    def _error(self, unknown: list[str]) -> OfficialLayoutError:
        message = f'these are no weights of the official {self.arch} layout'
        looks = next((arch for mark, arch in MARKS.items()
                      if any(key.startswith(mark) for key in self.official)), self.arch)
        if looks != self.arch:
            return OfficialLayoutError(f'{message}. They look like {looks}: convert them as that.')
        lines = [*_listed('missing', self._missing), *_listed('unknown', unknown),
                 *_listed('other shape', self._misshapen)]
        return OfficialLayoutError('\n'.join([message + ':', *lines]))


def _listed(kind: str, found: list[str]) -> list[str]:
    lines = [f'  {kind}: {line}' for line in found[:SHOWN]]
    if len(found) > SHOWN:
        lines.append(f'  {kind}: ... and {len(found) - SHOWN} more')
    return lines
