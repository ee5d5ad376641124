"""The site: every guide and every registered type is on it, and links lead somewhere."""
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / 'docs' / 'site'))
import site_pages  # noqa: E402

SPHINX = pytest.importorskip('sphinx', reason='pip install .[docs]') and [
    sys.executable, '-m', 'sphinx', '-q', '-W', '--keep-going', '-c', str(ROOT / 'docs/site')]


def build(source, out):
    return subprocess.run(
        [*SPHINX, str(source), str(out)], capture_output=True, text=True, timeout=1800,
        env={**os.environ, 'PYTHONPATH': str(ROOT), 'OMP_NUM_THREADS': '1'})


def test_builds_without_a_warning(tmp_path):
    site_pages.write(tmp_path / 'pages')
    done = build(tmp_path / 'pages', tmp_path / 'site')
    assert done.returncode == 0, done.stderr
    site = tmp_path / 'site'
    for name in ('index', 'masket', 'configs/textdet/masket', 'evidence/dld', 'changelog'):
        assert (site / f'{name}.html').exists()
    hooks = (site / 'api/hooks.html').read_text()
    assert 'MaskETDistillHook' in hooks and 'Parameters' in hooks
    assert 'href="masket.html"' in (site / 'index.html').read_text()


def test_a_link_that_leads_nowhere_stops_it(tmp_path):
    (tmp_path / 'index.md').write_text('# A\n\n[b](b.md#there), [c](b.md#nowhere)\n\n'
                                       '```{toctree}\nb\n```\n')
    (tmp_path / 'b.md').write_text('# B\n\n## There\n')
    done = build(tmp_path, tmp_path / 'site')
    assert done.returncode != 0 and "'nowhere'" in done.stderr and "'there'" not in done.stderr


def test_every_guide_has_a_page():
    found = [path for paths in site_pages.chapters().values() for path in paths]
    assert len(found) == len(set(found))
    written = {str(path.relative_to(ROOT)) for folder in ('docs', 'configs')
               for path in (ROOT / folder).rglob('*.md')
               if path.name != 'sample_anno.md'}  # what MMOCR's preparers ask for
    assert written <= set(found)


def test_links_lead_to_pages_or_are_names():
    shown = {'README.md': 'index.md', 'docs/a.md': 'a.md',
             'configs/compare/README.md': 'configs/compare.md'}
    text = ('[a](docs/a.md#x) [c](configs/compare) [code](mmocr_kd/cli/main.py) [w](https://w.org)\n'
            '```bash\n[not](docs/gone.md)\n```\n[setup.py](setup.py)')
    assert site_pages.relinked(text, 'README.md', shown) == (
        '[a](a.md#x) [c](configs/compare.md) code (`mmocr_kd/cli/main.py`) [w](https://w.org)\n'
        '```bash\n[not](docs/gone.md)\n```\nsetup.py')
    assert site_pages.relinked('[up](../README.md)', 'docs/a.md', shown) == '[up](index.md)'
    with pytest.raises(SystemExit, match='README.md: docs/gone.md does not exist'):
        site_pages.relinked('[x](docs/gone.md)', 'README.md', shown)


def test_every_registered_type_is_in_the_table():
    table = re.findall(r'^\| (.*?) \| [A-Z_, ]+ \| (.*) \|$', (ROOT / 'docs/api.md').read_text(),
                       re.M)
    named = {name for kinds, _ in table for name in re.findall(r'`(\w+)`', kinds)}
    parts = {name for _, about in table if 'parts are' in about
             for name in re.findall(r'`(\w+)`', about)}
    assert named | parts == {name.rpartition('.')[2] for names in site_pages.registered().values()
                             for name in names}
