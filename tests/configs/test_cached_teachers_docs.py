"""What the guide to cached teachers says is what the code does."""
import re
from pathlib import Path

from guides import broken_links, shown_defaults, true_defaults
from mmocr.registry import TRANSFORMS

from mmocr_kd.datasets.carry_maps import carried
from mmocr_kd.teachers import CachedTeacher

GUIDE = Path(__file__).resolve().parents[2] / 'docs/cached_teachers.md'


def test_links_lead_somewhere():
    assert not broken_links(GUIDE)


def test_fields_and_defaults():
    assert shown_defaults(GUIDE, 'CachedTeacher') == true_defaults(CachedTeacher)


def test_every_step_that_is_named_is_carried():
    listed = GUIDE.read_text().split('Steps are found by their class: ')[1].split('; and sub')[0]
    names = re.findall(r'`(\w+)`', listed)
    assert len(names) > 20
    unknown = carried.dispatch(object)
    assert all(carried.dispatch(TRANSFORMS.get(name)) is not unknown for name in names)
