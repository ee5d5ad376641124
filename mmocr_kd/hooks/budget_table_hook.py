"""What a selector's choices cost at each price, looked up when someone tests with a budget."""
from __future__ import annotations

import io
from pathlib import Path
from typing import Any, Sequence

import torch
from mmengine.dist import broadcast, collect_results, is_main_process
from mmengine.hooks import Hook
from mmengine.logging import print_log
from mmengine.model import is_model_wrapper
from mmengine.runner import Runner
from mmocr.registry import HOOKS

from ..models.selectors import ResolutionSelector
from ..models.selectors.price_table import PRICES, mean_costs
from ..store.files import write_whole


@HOOKS.register_module()
class BudgetTableHook(Hook):
    """Fills the table by which ``model.budget`` becomes a price, from what validation predicts.

    Predictions of a model with ``predicts='errors'`` carry the errors that the selector expects
    (``dld_errors``). They say what would be chosen at any price, so validation needs no pass more.
    The table goes into the selector (``mean_costs``), into what is saved from then on, and into the
    checkpoint of these very weights, which MMEngine has written before it validates them.

    All ranks of a distributed training have the same table, that of a single process.

    Args:
        selector: Path of the selector in the model.

    Raises:
        ValueError: When validation starts, if the model has no selector that predicts errors there.
    """

    def __init__(self, selector: str = 'selector') -> None:
        self.selector = selector
        self._errors: list[list[float]] = []

    def before_val_epoch(self, runner: Runner) -> None:
        """Forget what an interrupted validation has left."""
        self._find(runner)
        self._errors = []

    def after_val_iter(self, runner: Runner, batch_idx: int, data_batch: Any = None,
                       outputs: Sequence[Any] | None = None) -> None:
        """Note what was expected of the images of a batch."""
        self._errors += [sample.dld_errors for sample in outputs or () if 'dld_errors' in sample]

    def after_val_epoch(self, runner: Runner, metrics: Any = None) -> None:
        """Fill the table, and put it into the checkpoint of these weights."""
        selector = self._find(runner)
        errors = collect_results(self._errors, len(runner.val_dataloader.dataset))
        table = torch.full((len(PRICES), ), torch.nan)
        if errors:
            table = mean_costs(torch.tensor(errors), selector.costs.cpu())
        table = table.to(selector.mean_costs.device)
        broadcast(table)
        if table.isnan().any():
            print_log('BudgetTableHook: no prediction has dld_errors (is test_scale set?); budgets '
                      'cannot be tested', 'current')
            return
        selector.mean_costs.copy_(table)
        if is_main_process():
            self._complete(runner, table.cpu())

    def _complete(self, runner: Runner, table: torch.Tensor) -> None:
        """Write the table into the checkpoint that was saved before this validation."""
        path = Path(runner.message_hub.get_info('last_ckpt', None) or '')
        if not path.is_file():
            return
        checkpoint = torch.load(path, map_location='cpu', weights_only=False)
        if checkpoint.get('meta', {}).get('iter') != runner.iter:
            return  # of other weights
        checkpoint['state_dict'][f'{self.selector}.mean_costs'] = table
        torch.save(checkpoint, whole := io.BytesIO())
        write_whole(path, whole.getvalue())

    def _find(self, runner: Runner) -> ResolutionSelector:
        model = runner.model.module if is_model_wrapper(runner.model) else runner.model
        module = dict(model.named_modules(remove_duplicate=False)).get(self.selector)
        if not isinstance(module, ResolutionSelector) or module.predicts != 'errors':
            raise ValueError(f'selector={self.selector!r} of BudgetTableHook: '
                             f"{type(model).__name__} has no ResolutionSelector with predicts="
                             "'errors' there; give its path, or remove the hook")
        return module
