"""What the guide says about teachers is what the code does."""
import re
from pathlib import Path

import pytest
from guides import broken_links, shown_defaults, true_defaults
from mmocr.registry import MODELS

import mmocr_kd

GUIDE = Path(__file__).resolve().parents[2] / 'docs/teachers.md'


def test_links_lead_somewhere():
    assert not broken_links(GUIDE)


@pytest.mark.parametrize('name', ['OnnxTeacher', 'GroundTruthTeacher', 'NBestLoss'])
def test_field_tables_show_the_true_defaults(name):
    true = true_defaults(getattr(mmocr_kd, name))
    if name == 'OnnxTeacher':  # one row for two
        assert true.pop('mean') is true.pop('std') is None
        assert '| `mean`, `std` | `None` |' in GUIDE.read_text()
    assert shown_defaults(GUIDE, name) == true


def test_every_teacher_has_a_row():
    rows = GUIDE.read_text().split('## Kinds')[1].split('\n## ')[0]
    teachers = {name for name, kind in MODELS.module_dict.items()
                if isinstance(kind, type) and issubclass(kind, mmocr_kd.Teacher)
                # Not those of tests, nor parts of spotters.
                and re.match(r'mmocr_kd\.(?!models)', kind.__module__)}
    assert {line.split('`')[1] for line in rows.splitlines() if line.startswith('| `')} == teachers
