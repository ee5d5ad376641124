"""Writes what Sphinx reads: the guides, wherever they lie, and a page of every registered type."""
import json
import os
import re
import shutil
import sys
from collections import defaultdict
from pathlib import Path

from mmengine import registry as of_mmengine
from mmengine.registry import Registry
from mmocr import registry as of_mmocr
from mmocr.utils import register_all_modules

import mmocr_kd  # noqa: F401  (registers its types)

ROOT = Path(__file__).resolve().parents[2]
_CODE = re.compile(r'(```.*?```)', re.S)
_LINK = re.compile(r'(?<!!)\[([^\]]*)\]\(([^)\s]+)\)')
# Chapter -> files of the repository, in reading order.
CHAPTERS = {
    'Start': ['docs/install.md', 'docs/distill.md', 'docs/notebook.ipynb', 'docs/deploy.md',
              'docs/tools.md', 'docs/compare.md', 'docs/api.md'],
    'Methods': ['docs/masket.md', 'docs/kd_ltr.md', 'docs/dld.md', 'docs/self_distillation.md'],
    'Teachers and data': ['docs/teachers.md', 'docs/cached_teachers.md', 'docs/unlabelled.md',
                          'docs/data.md'],
    'Results': ['docs/results.md', 'docs/evidence/*.md'],
    'Configs': ['configs/**/README.md'],
    'More': ['mmocr_kd/weights/README.md', 'CONTRIBUTING.md', 'CHANGELOG.md'],
}
# Registry -> page; all others share one.
KINDS = {'hook': 'hooks', 'model': 'models', 'dataset': 'datasets', 'transform': 'transforms',
         'metric': 'metrics'}


def chapters():
    """Chapter -> its files, found; guides that no chapter names are in the last one."""
    found = {name: [path for pattern in patterns for path in sorted(map(_relative, ROOT.glob(
        pattern)))] for name, patterns in CHAPTERS.items()}
    named = {path for paths in found.values() for path in paths}
    found['More'] += sorted({_relative(path) for path in ROOT.glob('docs/**/*.md')} - named)
    return found


def _relative(path):
    return path.relative_to(ROOT).as_posix()


def page_of(source):
    """Page of the site that shows a file of the repository."""
    if source == 'README.md':
        return 'index.md'
    page = source.removeprefix('docs/').replace('/README.md', '.md').lower()
    return page.replace('.ipynb', '.md')


def text_of(source):
    """A guide; of a notebook, what it says, and its cells as Python and shell code."""
    text = (ROOT / source).read_text()
    if not source.endswith('.ipynb'):
        return text
    cells = [(cell['cell_type'], ''.join(cell['source'])) for cell in json.loads(text)['cells']]
    return '\n\n'.join(said if kind == 'markdown' else _code(said) for kind, said in cells) + '\n'


def _code(cell):
    first, _, rest = cell.partition('\n')
    return f'```bash\n{rest}\n```' if first == '%%bash' else f'```python\n{cell}\n```'


def relinked(text, source, pages):
    """A guide whose links lead to pages; where there is none, the file's name is left.

    Args:
        text: The guide.
        source: Its path in the repository.
        pages: Path in the repository -> page.
    """
    def link(match):
        shown, to = match.groups()
        path, hash_, anchor = to.partition('#')
        if '://' in to or not path:
            return match.group()
        target = os.path.normpath(os.path.join(os.path.dirname(source), path))
        page = pages.get(target) or pages.get(f'{target}/README.md')
        if page:
            path = os.path.relpath(page, os.path.dirname(pages[source]))
            return f'[{shown}]({path}{hash_}{anchor})'
        if not (ROOT / target).exists():
            raise SystemExit(f'{source}: {to} does not exist')
        return shown if target in shown else f'{shown} (`{target}`)'

    parts = _CODE.split(text)
    parts[::2] = [_LINK.sub(link, part) for part in parts[::2]]
    return ''.join(parts)


def registered():
    """Page of the API -> dotted names of the types on it, by their last part."""
    register_all_modules()
    found = defaultdict(set)
    for registry in (*vars(of_mmocr).values(), *vars(of_mmengine).values()):
        if isinstance(registry, Registry):
            for kind in registry.module_dict.values():
                if kind.__module__.startswith('mmocr_kd.'):
                    found[KINDS.get(registry.name, 'others')].add(
                        f'{kind.__module__}.{kind.__qualname__}')
    return {page: sorted(names, key=lambda name: name.rpartition('.')[2])
            for page, names in sorted(found.items())}


def write(folder):
    """All pages.

    Args:
        folder: Where Sphinx will look; replaced.
    """
    shutil.rmtree(folder, ignore_errors=True)
    found, api = chapters(), registered()
    pages = {source: page_of(source) for paths in found.values() for source in paths}
    pages['README.md'] = page_of('README.md')
    for source, page in pages.items():
        text = relinked(text_of(source), source, pages)
        text += _contents(found, pages, api) if source == 'README.md' else ''
        _put(folder / page, text)
    for page, names in api.items():
        _put(folder / f'api/{page}.rst', _api(page, names))
    for picture in ROOT.glob('docs/**/*.png'):
        _put(folder / picture.relative_to(ROOT / 'docs'), picture.read_bytes())


def _contents(found, pages, api):
    """What the sidebar shows."""
    trees = {name: [pages[source] for source in sources] for name, sources in found.items()}
    trees['Registered types'] = [f'api/{page}' for page in api]
    return ''.join(f'\n```{{toctree}}\n:hidden:\n:caption: {name}\n\n' + '\n'.join(
        page.removesuffix('.md') for page in entries) + '\n```\n'
        for name, entries in trees.items())


def _api(page, names):
    title = page.capitalize()
    parts = [f'{title}\n{"=" * len(title)}\n\nRegistered types, for ``type=...`` in configs.\n']
    for name in names:
        short = name.rpartition('.')[2]
        parts.append(f'{short}\n{"-" * len(short)}\n\n.. autoclass:: {name}\n')
    return '\n'.join(parts)


def _put(path, content):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())


if __name__ == '__main__':
    write(Path(sys.argv[1]))
