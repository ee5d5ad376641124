"""Recording what submodules of a model put out, or take in, during one forward pass."""
from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any, Callable, Mapping

from torch import Tensor, nn

from .errors import RecordingError


@dataclass(frozen=True)
class Source:
    """Where in a model a tensor is found.

    Args:
        path: Dotted name of a submodule, as in ``model.named_modules()``.
        io: 'output' or 'input' (the first positional argument) of that submodule.
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
        if self.io not in ('output', 'input'):
            raise ValueError(f"io={self.io!r} is unknown: use 'output' or 'input'")
        if self.calls not in ('one', 'all'):
            raise ValueError(f"calls={self.calls!r} is unknown: use 'one' or 'all'")


# A source may depend on the model it is looked up in (a teacher need not share the student's
# architecture), so a function from model to source is accepted wherever a source is.
SourceLike = Source | Callable[[nn.Module], Source]


class Recorder:
    """Forward hooks on named submodules.

    Each recording belongs to exactly one forward pass: :meth:`start` before it, :meth:`stop`
    after it. Between passes nothing is kept, so a stale tensor can never be mistaken for a new
    one (the state machine is our choice).

    Args:
        model: The model to listen to; it stays unchanged apart from the hooks.
        sources: Recording name -> where to find it.

    Raises:
        RecordingError: If a path does not exist.
    """

    def __init__(self, model: nn.Module, sources: Mapping[str, SourceLike]) -> None:
        self.sources = {name: _resolve(source, model) for name, source in sources.items()}
        self._active = False
        self._values: dict[str, Any] = {}
        modules = {name: _find(model, source.path) for name, source in self.sources.items()}
        self._handles = [
            module.register_forward_hook(partial(self._record, name))
            for name, module in modules.items()
        ]

    def start(self) -> None:
        """Forget everything and listen to the next forward pass."""
        self._values.clear()
        self._active = True

    def stop(self) -> dict[str, Tensor]:
        """Stop listening and hand over the recordings.

        Returns:
            Recording name -> tensor, of whatever shape the module has.

        Raises:
            RecordingError: If :meth:`start` was not called, a module did not run, or the value
                is not a tensor.
        """
        if not self._active:
            raise RecordingError('stop() without start(): there is no forward pass to read')
        self._active = False
        values, self._values = self._values, {}
        return {name: self._tensor(name, values) for name in self.sources}

    def record(self, run: Callable[[], Any]) -> dict[str, Tensor]:
        """Listen to one whole forward pass; if it fails, nothing of it is kept.

        Args:
            run: Runs the model, once.

        Returns:
            See :meth:`stop`.

        Raises:
            RecordingError: See :meth:`stop`.
        """
        self.start()
        try:
            run()
            return self.stop()
        finally:
            self._forget()

    def remove(self) -> None:
        """Take all hooks off the model. May be called repeatedly."""
        self._forget()
        for handle in self._handles:
            handle.remove()
        self._handles = []

    def _forget(self) -> None:
        self._active = False
        self._values.clear()

    def _record(self, name: str, module: nn.Module, inputs: tuple, output: Any) -> None:
        if not self._active:
            return
        source = self.sources[name]
        value = output if source.io == 'output' else _first(inputs, source)
        if source.calls == 'all':
            self._values.setdefault(name, []).append(value)
        elif name in self._values:
            raise RecordingError(
                f'{source.path!r} ran twice in one forward pass: record a module that runs once')
        else:
            self._values[name] = value

    def _tensor(self, name: str, values: dict[str, Any]) -> Tensor:
        source = self.sources[name]
        if name not in values:
            raise RecordingError(f'{source.path!r} did not run in this forward pass: is it part '
                                 f'of the loss path of the model?')
        value = values[name] if source.pick is None else source.pick(values[name])
        if not isinstance(value, Tensor):
            raise RecordingError(f'the {source.io} of {source.path!r} is a {type(value).__name__}, '
                                 f'not a tensor: choose one item with "index"')
        return value


def _resolve(source: SourceLike, model: nn.Module) -> Source:
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
