"""What the guide to self-made teachers says is what the code does."""
from pathlib import Path

import pytest
from guides import broken_links, shown_defaults, true_defaults
from mmocr.registry import MODELS

GUIDE = Path(__file__).resolve().parents[2] / 'docs/self_distillation.md'


def test_links_lead_somewhere():
    assert not broken_links(GUIDE)


@pytest.mark.parametrize('name', ['EMATeacher', 'MutualDistiller'])
def test_fields_and_defaults(name):
    assert shown_defaults(GUIDE, name) == true_defaults(MODELS.get(name))
