"""A pretended accelerator, for machines without one.

Its tensors say ``device='meta'`` (a device other than the CPU that PyTorch knows everywhere), hold
data of the CPU and compute there, as the CPU does. What a GPU refuses they refuse: NumPy, and
operations together with tensors of the CPU. Where a GPU makes the host wait they take a note:

    with FakeDevice() as fake:
        model.to(fake.device).train_step(data, optim_wrapper)
    fake.waits   # [Wait(kind='read', place='mmocr_kd/adapters/ignored.py:ignored_flags', ...), ...]

It is Python under every operation: for models of a few thousand weights. It knows nothing of a
GPU's own kernels, memory or half precision (autocast does nothing on it), and PyTorch's Python
functions that make tensors of lists inside get them without data.
"""
from __future__ import annotations

import contextlib
import sys
from dataclasses import dataclass
from pathlib import Path
from unittest import mock

import numpy as np
import torch
import torch.nn.functional as F
from mmengine.structures import InstanceData
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode, return_and_correct_aliasing
from torch.utils._pytree import tree_leaves, tree_map

import mmocr_kd

DEVICE = torch.device('meta')
PACKAGE = Path(mmocr_kd.__file__).parent
aten = torch.ops.aten

CROSS_DEVICES = {aten.copy_.default, aten.copy.default, aten._to_copy.default}
# The CPU may hold the indices of what lies on a GPU.
INDEXING = {aten.index.Tensor, aten.index_put.default, aten.index_put_.default,
            aten._index_put_impl_.default}
# A single number of the CPU goes with tensors of a GPU in most operations, not in these.
STRICT = {aten.cat.default, aten.stack.default}
# Operations whose result has a size that the host has to ask for, or that return to the host.
READS = {aten._local_scalar_dense.default: 'read', aten.equal.default: 'read',
         aten.nonzero.default: 'size', aten.masked_select.default: 'size',
         aten._unique2.default: 'size', aten.unique_dim.default: 'size',
         aten.unique_consecutive.default: 'size', aten.bincount.default: 'size',
         torch.ops.torchvision.nms.default: 'size'}


@dataclass(frozen=True)
class Wait:
    """One place where the host waits for the device.

    Args:
        kind: 'read' (``item``, ``tolist``, ``cpu``, ``if``), 'size' (boolean indexing, ``nonzero``,
            ``unique``), or 'upload' (of what the CPU has, without ``non_blocking=True``).
        place: ``file:function`` of the innermost code that is not PyTorch's.
        line: There.
    """

    kind: str
    place: str
    line: int

    @property
    def ours(self):
        """Whether code of the package makes it wait, not MMOCR's."""
        return self.place.startswith('mmocr_kd/')


class FakeDevice(contextlib.ExitStack):
    """While it is entered, ``device`` can be used; see the module. Not reentrant."""

    device = DEVICE

    def __enter__(self):
        super().__enter__()
        self.waits: list[Wait] = []
        overwrite = torch.__future__.get_overwrite_module_params_on_conversion()
        self.callback(torch.__future__.set_overwrite_module_params_on_conversion, overwrite)
        torch.__future__.set_overwrite_module_params_on_conversion(True)
        for patch in _patches():
            self.enter_context(patch)
        self.enter_context(_Functions(self))
        self.enter_context(_Operations(self))
        self.enter_context(mock.patch.object(_Remote, 'fake', self))
        return self

    def note(self, kind):
        """Remember where we are."""
        frame = sys._getframe(1)
        while frame is not None and _is_machinery(frame.f_code.co_filename):
            frame = frame.f_back
        if frame is not None:
            place = f'{_short(frame.f_code.co_filename)}:{frame.f_code.co_name}'
            self.waits.append(Wait(kind, place, frame.f_lineno))


class _Remote(torch.Tensor):
    """A tensor on the pretended device; ``data_here`` is where it really is."""

    fake = None

    @staticmethod
    def __new__(cls, here):
        made = torch.Tensor._make_wrapper_subclass(
            cls, here.size(), strides=here.stride(), storage_offset=here.storage_offset(),
            dtype=here.dtype, layout=here.layout, device=DEVICE, requires_grad=here.requires_grad)
        made.data_here = here.detach() if here.requires_grad else here
        return made

    def __deepcopy__(self, memo):
        with torch.no_grad():
            copied = _Remote(self.data_here.clone())
        copied.requires_grad_(self.requires_grad)
        if getattr(self, '_is_param', False):
            copied._is_param = True
        memo[id(self)] = copied
        return copied

    def __repr__(self, **_):
        return f'on the fake device: {self.data_here!r}'

    @classmethod
    def __torch_dispatch__(cls, func, types, args=(), kwargs=None):
        return _run(cls.fake, func, args, kwargs or {})

    __torch_function__ = torch._C._disabled_torch_function_impl


class _Operations(TorchDispatchMode):
    """Runs what PyTorch computes, also without any tensor to begin with."""

    def __init__(self, fake):
        super().__init__()
        self.fake = fake

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        return _run(self.fake, func, args, kwargs or {})


def _run(fake, func, args, kwargs):
    leaves = tree_leaves((args, kwargs))
    remote = any(isinstance(leaf, _Remote) for leaf in leaves)
    if remote:
        _check_devices(func, args, leaves)
    target = kwargs.get('device')
    there = remote if target is None else torch.device(target) == DEVICE
    _note_waits(fake, func, args, kwargs, remote, there)
    if target is not None:
        kwargs = {**kwargs, 'device': torch.device('cpu')}
    result = func(*tree_map(_here, args), **tree_map(_here, kwargs))
    if func is aten.copy_.default:
        return args[0]
    if not there:
        return result
    result = tree_map(_there, result)
    return return_and_correct_aliasing(func, args, kwargs, result) if remote else result


def _check_devices(func, args, leaves):
    if func in CROSS_DEVICES:
        return
    local = [leaf for leaf in leaves if _is_local(leaf) and (leaf.dim() or func in STRICT)]
    if local and not (func in INDEXING and isinstance(args[0], _Remote)
                      and all(t.dtype in (torch.long, torch.bool, torch.uint8) for t in local)):
        raise RuntimeError(f'Expected all tensors to be on the same device: {func} got some of the '
                           f'fake device, and from the CPU {[tuple(t.shape) for t in local]}')


def _note_waits(fake, func, args, kwargs, remote, there):
    if func in CROSS_DEVICES:
        source = args[1] if func in (aten.copy_.default, aten.copy.default) else args[0]
        there = isinstance(args[0], _Remote) if func is aten.copy_.default else there
        if isinstance(source, _Remote) != there:
            if not (there and kwargs.get('non_blocking')):
                fake.note('upload' if there else 'read')
    elif remote and func in READS:
        fake.note(READS[func])
    elif remote and func in INDEXING:
        _note_indices(fake, func, args)


def _note_indices(fake, func, args):
    indices = [index for index in args[1] if index is not None]
    if any(index.dtype in (torch.bool, torch.uint8) for index in indices):
        # A mask with one number to write needs no size.
        if func is aten.index.Tensor or args[2].numel() > 1:
            fake.note('size')
    elif any(_is_local(index) and index.dim() for index in indices):
        fake.note('upload')


class _Functions(TorchFunctionMode):
    """What PyTorch's C++ does behind the back of operations, with the storage of a tensor."""

    def __init__(self, fake):
        super().__init__()
        self.fake = fake

    def __torch_function__(self, func, types, args=(), kwargs=None):
        special = _SPECIAL.get(func)
        return (special(self.fake, func, *args, **(kwargs or {})) if special else
                func(*args, **(kwargs or {})))


def _make(fake, func, data, *args, device=None, **kwargs):
    there = device is not None and torch.device(device) == DEVICE
    if isinstance(data, torch.Tensor):
        return func(data, *args, device=device, **kwargs)
    data = tree_map(lambda x: x.item() if isinstance(x, _Remote) else x, data)
    made = func(data, *args, device=None if there else device, **kwargs)
    if not there:
        return made
    fake.note('upload')
    return _there(made)


def _make_like(fake, func, like, data, dtype=None, device=None, **kwargs):
    device = like.device if device is None else device
    return _make(fake, torch.tensor, data, dtype=dtype or like.dtype, device=device, **kwargs)


def _tolist(fake, func, tensor):
    if isinstance(tensor, _Remote):
        fake.note('read')
    return func(_here(tensor))


def _numpy(fake, func, tensor, *, force=False):
    if force and isinstance(tensor, _Remote):
        fake.note('read')
        tensor = _here(tensor)
    return func(tensor, force=force)


def _index(fake, func, tensor, index, *value):
    if isinstance(tensor, _Remote):
        parts = tuple(map(_listed, index)) if isinstance(index, tuple) else _listed(index)
        return func(tensor, parts, *value)
    return func(tensor, index, *value)


def _listed(index):
    """Lists and arrays as index: C++ would make tensors without data of them."""
    sequence = isinstance(index, (list, range)) and len(index) and not isinstance(index[0], slice)
    return torch.tensor(index) if sequence or isinstance(index, np.ndarray) else index


def _ctc_loss(fake, func, log_probs, targets, input_lengths, target_lengths, *args, **kwargs):
    """CUDA takes all but the first from either device."""
    if not isinstance(log_probs, _Remote):
        return func(log_probs, targets, input_lengths, target_lengths, *args, **kwargs)
    if any(isinstance(lengths, _Remote) for lengths in (input_lengths, target_lengths)):
        fake.note('read')
    rest = (_there(torch.as_tensor(_here(t))) for t in (targets, input_lengths, target_lengths))
    return func(log_probs, *rest, *args, **kwargs)


_SPECIAL = {
    torch.tensor: _make, torch.as_tensor: _make, torch.asarray: _make,
    torch.Tensor.new_tensor: _make_like, torch.Tensor.tolist: _tolist,
    torch.Tensor.numpy: _numpy,
    torch.Tensor.__getitem__: _index, torch.Tensor.__setitem__: _index,
    F.ctc_loss: _ctc_loss}


def _patches():
    """What knows devices by name, or tensors by type."""
    autocast, by_index = torch.autocast, InstanceData.__getitem__

    class Autocast(autocast):
        def __new__(cls, device_type, *args, **kwargs):
            if torch.device(device_type) == DEVICE:
                return contextlib.nullcontext()
            return autocast(device_type, *args, **kwargs)

    def instances(self, item):  # MMEngine knows the index types of CPU and CUDA
        if isinstance(item, _Remote):
            _Remote.fake.note('size' if item.dtype == torch.bool else 'read')
        return by_index(self, _here(item))

    return (mock.patch.object(torch, 'autocast', Autocast),
            mock.patch.object(InstanceData, '__getitem__', instances),
            mock.patch('mmengine.runner.runner.get_device', lambda: DEVICE.type),
            torch.backends.cudnn.flags(enabled=False))


def _is_local(leaf):
    return isinstance(leaf, torch.Tensor) and not isinstance(leaf, _Remote)


def _here(leaf):
    return leaf.data_here if isinstance(leaf, _Remote) else leaf


def _there(leaf):
    return _Remote(leaf) if _is_local(leaf) else leaf


_MACHINERY = (str(Path(torch.__file__).parent), __file__, 'mmengine/structures', 'torchvision',
              'contextlib.py', 'unittest/mock.py', '<')


def _is_machinery(path):
    return path.startswith(('<', _MACHINERY[0])) or any(part in path for part in _MACHINERY[1:-1])


def _short(path):
    if path.startswith(str(PACKAGE)):
        return str(Path(path).relative_to(PACKAGE.parent))
    return str(path).rpartition('site-packages/')[2]
