"""Answers of a device that has work queued, on one that has not."""
from mmocr_kd.distill import FiniteCheck


def defer_checks(monkeypatch):
    """Let no check of a teacher be answered before it is settled, as on a GPU."""
    settle = FiniteCheck.settle

    def watch(self, name, recording, data_samples):
        with monkeypatch.context() as patch:
            patch.setattr(FiniteCheck, 'settle', lambda self: None)
            original(self, name, recording, data_samples)
        assert FiniteCheck.settle is settle

    original = FiniteCheck.watch
    monkeypatch.setattr(FiniteCheck, 'watch', watch)


def poison(parameter, value=float('nan')):
    """Make one weight of a teacher a number nobody can learn from."""
    parameter.data.view(-1)[0] = value
