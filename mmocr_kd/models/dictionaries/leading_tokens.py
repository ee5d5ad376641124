"""A dictionary that begins with its tokens."""
from __future__ import annotations

from mmocr.models.common.dictionary import Dictionary
from mmocr.registry import TASK_UTILS


@TASK_UTILS.register_module()
class LeadingTokensDictionary(Dictionary):
    """Classes in the order of attention recognisers since ASTER: [GO], [s], then the characters.

    MMOCR's ``Dictionary`` puts its tokens last. The start token, class 0, is also what targets are
    padded with. (MMOCR's ``pad_with='auto'`` takes a padding class 0 for none: say 'padding'.)

    Args:
        dict_file: One character a line.
        start_token: Name of class 0.
        end_token: Name of class 1.
    """

    _dict: list[str]

    def __init__(self, dict_file: str, start_token: str = '[GO]', end_token: str = '[s]') -> None:
        super().__init__(dict_file, with_start=True, with_end=True, with_padding=True,
                         start_token=start_token, end_token=end_token, padding_token=start_token)

    def _update_dict(self) -> None:
        self._dict = [self.start_token, self.end_token, *self._dict]
        self._char2idx = {char: index for index, char in enumerate(self._dict)}
        self.start_idx = self.padding_idx = 0
        self.end_idx = 1
        self.unknown_idx = None
