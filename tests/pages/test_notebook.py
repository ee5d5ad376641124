"""The notebook: what it types is known, and all of it runs."""
import json
import os
import shlex
import sys
from pathlib import Path

import pytest

from mmocr_kd.cli import main

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / 'docs' / 'site'))
import site_pages  # noqa: E402

PATH = ROOT / 'docs' / 'notebook.ipynb'
CELLS = [(cell['cell_type'], ''.join(cell['source']))
         for cell in json.loads(PATH.read_text())['cells']]
COMMANDS = [text.removeprefix('%%bash\n') for _, text in CELLS if text.startswith('%%bash\n')]


@pytest.mark.parametrize('command', COMMANDS)
def test_verbs_and_options_are_known(command):
    program, verb, *args = shlex.split(command.replace('\\\n', '').partition('>')[0])
    assert program == 'mmocr-kd'
    main.commands[verb].make_context(verb, args)  # or click says what it does not know


def test_python_cells_are_python():
    for kind, text in CELLS:
        if kind == 'code' and not text.startswith('%%bash'):
            compile(text, PATH.name, 'exec')


def test_the_site_shows_every_cell():
    page = site_pages.text_of('docs/notebook.ipynb')
    assert page.startswith('# A notebook') and site_pages.page_of(
        'docs/notebook.ipynb') == 'notebook.md'
    for command in COMMANDS:
        assert f'```bash\n{command}\n```' in page
    assert page.count('```python\n') == sum(
        kind == 'code' for kind, _ in CELLS) - len(COMMANDS)


@pytest.mark.nightly
def test_runs_from_its_first_cell_to_its_last(tmp_path, monkeypatch):
    """In a kernel of its own: a teacher, a training of minutes, an ONNX file, boxes."""
    nbformat = pytest.importorskip('nbformat', reason='pip install .[notebook]')
    nbclient = pytest.importorskip('nbclient', reason='pip install .[notebook]')
    monkeypatch.setenv('PATH', f'{Path(sys.executable).parent}:{os.environ["PATH"]}')
    monkeypatch.setenv('PYTHONPATH', str(ROOT))
    notebook = nbformat.read(PATH, as_version=4)
    client = nbclient.NotebookClient(notebook, timeout=3600, kernel_name='python3',
                                     resources={'metadata': {'path': str(tmp_path)}})
    client.execute()
    summary = json.loads((tmp_path / 'work/summary.json').read_text())
    assert summary['photos'] == 40 and summary['compared_with'] == 'the teacher'
    assert (tmp_path / 'work/det.onnx').exists()
    assert len((tmp_path / 'found.jsonl').read_text().splitlines()) == 40
    shown = notebook.cells[-2].outputs[-1].data
    assert {'image/png', 'image/jpeg'} & set(shown)
