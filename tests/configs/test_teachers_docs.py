"""What the guide says about teachers is what the code does."""
from pathlib import Path

import pytest
from guides import broken_links, shown_defaults, true_defaults
from mmocr.registry import MODELS

import mmocr_kd

GUIDE = Path(__file__).resolve().parents[2] / 'docs/teachers.md'


def test_links_lead_somewhere():
    assert not broken_links(GUIDE)


@pytest.mark.parametrize('name', ['OnnxTeacher', 'NBestLoss'])
def test_field_tables_show_the_true_defaults(name):
    true = true_defaults(getattr(mmocr_kd, name))
    both = {'mean': true['mean'], 'std': true.pop('std')} if 'mean' in true else {}
    assert len(set(both.values())) <= 1  # one row for two
    text = GUIDE.read_text()
    GUIDE_ROWS = shown_defaults(GUIDE, name)
    if both:
        assert '| `mean`, `std` | `None` |' in text
        true.pop('mean')
    assert GUIDE_ROWS == true


def test_every_teacher_has_a_row():
    rows = GUIDE.read_text().split('## Kinds')[1].split('\n## ')[0]
    teachers = {name for name, kind in MODELS.module_dict.items()
                if isinstance(kind, type) and issubclass(kind, mmocr_kd.Teacher)
                and kind.__module__.startswith('mmocr_kd')}
    assert {line.split('`')[1] for line in rows.splitlines() if line.startswith('| `')} == teachers
