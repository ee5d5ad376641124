"""Recording what submodules of a model put out, or take in, during one forward pass."""
from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any, Callable, Mapping

import torch
from torch import Tensor, nn

from .errors import RecordingError


@dataclass(frozen=True)
class Source:
    """Where in a model a tensor is found.

    Args:
        path: Dotted name of a submodule, as in ``model.named_modules()``.
        io: 'output', 'input' (the first positional argument) or 'inputs' (the tuple of all) of that
            submodule.
        pick: Turns the recorded value into one tensor, e.g. ``itemgetter(2)`` for a tuple.
        calls: 'one' for a module that runs once in a forward pass, 'all' for one that runs step by
            step: ``pick`` then gets the list of what was recorded in each call.

    Raises:
        ValueError: If ``io`` or ``calls`` is unknown.
    """

    path: str
    io: str = 'output'
    pick: Callable[[Any], Any] | None = None
    calls: str = 'one'

    def __post_init__(self) -> None:
        if self.io not in ('output', 'input', 'inputs'):
            raise ValueError(f"io={self.io!r} is unknown: use 'output', 'input' or 'inputs'")
        if self.calls not in ('one', 'all'):
            raise ValueError(f"calls={self.calls!r} is unknown: use 'one' or 'all'")


# A source may depend on the model it is looked up in (a teacher need not share the student's
# architecture), so a function from model to source is accepted wherever a source is. It gives None
# where the model has nothing of the kind: that is then not recorded.
SourceLike = Source | Callable[[nn.Module], 'Source | None']


class Recorder:
    """Forward hooks on named submodules.

    Each recording belongs to exactly one forward pass:

        with recorder as recorded:
            model(images)
        recorded['logits']  # there once the block is left; whatever fails in it, nothing is kept

    or :meth:`start` before it and :meth:`stop` after it, where these are in different functions.
    Between passes nothing is kept, so a stale tensor can never be mistaken for a new one (the state
    machine is our choice). A tensor that was changed in place before the end, or computed without
    gradient in a pass with gradient, is an error.

    Args:
        model: The model to listen to; it stays unchanged apart from the hooks.
        sources: Recording name -> where to find it.

    Raises:
        RecordingError: If a path does not exist.
    """

    def __init__(self, model: nn.Module, sources: Mapping[str, SourceLike]) -> None:
        found = {name: _resolve(source, model) for name, source in sources.items()}
        self.sources = {name: source for name, source in found.items() if source is not None}
        self._active = self._with_gradient = False
        self._values: dict[str, Any] = {}
        self._heard: list[tuple[str, Tensor, int]] = []  # path, tensor, its version
        modules = {name: _find(model, source.path) for name, source in self.sources.items()}
        self._handles = [self._listen(name, module) for name, module in modules.items()]

    def start(self) -> None:
        """Forget everything and listen to the next forward pass."""
        self.forget()
        self._active, self._with_gradient = True, torch.is_grad_enabled()

    def stop(self) -> dict[str, Any]:
        """Stop listening and hand over the recordings.

        Returns:
            Recording name -> tensor, of whatever shape the module has; a tuple for 'inputs'.

        Raises:
            RecordingError: If :meth:`start` was not called, a module did not run, the value is not
                a tensor, or it was changed in place since.
        """
        if not self._active:
            raise RecordingError('stop() without start(): there is no forward pass to read')
        values, self._values = self._values, {}
        _check_unchanged(self._heard)
        self.forget()
        return {name: self._tensor(name, values) for name in self.sources}

    def __enter__(self) -> dict[str, Any]:
        self.start()
        self._recorded: dict[str, Any] = {}
        return self._recorded

    def __exit__(self, failed: Any, *_: Any) -> None:
        recorded, self._recorded = self._recorded, {}
        try:
            if failed is None:
                recorded.update(self.stop())
        finally:
            self.forget()

    def remove(self) -> None:
        """Take all hooks off the model. May be called repeatedly."""
        self.forget()
        for handle in self._handles:
            handle.remove()
        self._handles = []

    def forget(self) -> None:
        """Stop listening, and keep nothing. May be called repeatedly."""
        self._active = False
        self._values.clear()
        self._heard.clear()

    def _listen(self, name: str, module: nn.Module) -> Any:
        # Partials of methods: a copy of the model gets a copy of the recorder with them.
        if self.sources[name].io == 'output':
            return module.register_forward_hook(partial(self._output, name))
        # Before the module runs: some work in place.
        return module.register_forward_pre_hook(partial(self._input, name))

    def _output(self, name: str, module: nn.Module, inputs: tuple, output: Any) -> None:
        if self._active:
            self._record(name, output)

    def _input(self, name: str, module: nn.Module, inputs: tuple) -> None:
        if self._active:
            whole = self.sources[name].io == 'inputs'
            self._record(name, inputs if whole else _first(inputs, self.sources[name]))

    def _record(self, name: str, value: Any) -> None:
        source = self.sources[name]
        if self._with_gradient and not torch.is_grad_enabled():
            raise RecordingError(
                f'{source.path!r} ran without gradient, so nothing would be learnt from it: '
                'activation checkpointing has to be the kind with use_reentrant=False, or leave '
                'this module out; a module below torch.no_grad() cannot be recorded')
        if source.calls == 'all':
            self._values.setdefault(name, []).append(value)
        elif name in self._values:
            raise RecordingError(
                f'{source.path!r} ran twice in one forward pass: record a module that runs once')
        else:
            value = self._values[name] = value if source.pick is None else source.pick(value)
        self._heard += [(source.path, tensor, tensor._version) for tensor in _tensors(value)]

    def _tensor(self, name: str, values: dict[str, Any]) -> Any:
        source = self.sources[name]
        if name not in values:
            raise RecordingError(f'{source.path!r} did not run in this forward pass: is it part '
                                 f'of the loss path of the model?')
        value = values[name]
        if source.calls == 'all' and source.pick is not None:
            value = source.pick(value)
        if not isinstance(value, Tensor) and source.io != 'inputs':
            raise RecordingError(f'the {source.io} of {source.path!r} is a {type(value).__name__}, '
                                 f'not a tensor: choose one item with "index"')
        return value


def _tensors(value: Any) -> list[Tensor]:
    if isinstance(value, Tensor):
        return [] if value.is_inference() else [value]  # these have no version
    return [t for v in value for t in _tensors(v)] if isinstance(value, (tuple, list)) else []


def _check_unchanged(heard: list[tuple[str, Tensor, int]]) -> None:
    for path, tensor, version in heard:
        if tensor._version != version:
            raise RecordingError(
                f'what {path!r} gave was changed in place by a later module, such as '
                'ReLU(inplace=True), and is lost: record that later module')


def _resolve(source: SourceLike, model: nn.Module) -> Source | None:
    return source if isinstance(source, Source) else source(model)


def _find(model: nn.Module, path: str) -> nn.Module:
    modules = dict(model.named_modules())
    if path not in modules:
        parent = path.rpartition('.')[0]
        near = [name for name in modules if name.rpartition('.')[0] == parent and name]
        raise RecordingError(f'{type(model).__name__} has no module {path!r}; beside it there are '
                             f'{near or [name for name, _ in model.named_children()]}')
    return modules[path]


def _first(inputs: tuple, source: Source) -> Any:
    if not inputs:
        raise RecordingError(f'{source.path!r} was called without positional arguments')
    return inputs[0]
