"""What tests of the guides share."""
import ast
import inspect
import itertools
import re
from pathlib import Path


def broken_links(page: Path) -> list[str]:
    """Links inside the repository that lead nowhere."""
    links = re.findall(r'\]\(([^)]+)\)', page.read_text())
    return [link for link in links if not link.startswith('http') and not _leads(page, link)]


def _leads(page: Path, link: str) -> bool:
    path, _, anchor = link.partition('#')
    target = page.parent / path if path else page
    return target.exists() and (not anchor or anchor in _anchors(target))


def _anchors(page: Path) -> set[str]:
    titles = re.findall(r'^#+ (.*)$', page.read_text(), re.M)
    return {re.sub(r'[^\w\- ]', '', title.lower()).replace(' ', '-') for title in titles}


def expand(pattern: str) -> list[str]:
    """Expand braces as a shell does."""
    parts = re.split(r'\{([^}]*)\}', pattern)
    choices = [part.split(',') if i % 2 else [part] for i, part in enumerate(parts)]
    return [''.join(choice) for choice in itertools.product(*choices)]


def examples(page: Path) -> list[str]:
    """Blocks of Python code."""
    return re.findall(r'```python\n(.*?)```', page.read_text(), re.S)


def shown_defaults(page: Path, name: str) -> dict[str, object]:
    """Field -> default, as the table under a type's title shows it; no default is ``empty``."""
    section = page.read_text().split(f'### `{name}`')[1].split('\n#')[0]
    rows = re.findall(r'^\| `(\w+)` \|([^|]*)\|', section, re.M)
    return {field: _value(default) for field, default in rows}


def _value(default: str) -> object:
    if not default.strip():
        return inspect.Parameter.empty
    code = re.fullmatch(r'`(.*)`', default.strip())
    return ast.literal_eval(code.group(1)) if code else default.strip()


def true_defaults(kind: type) -> dict[str, object]:
    """Field -> default, as the code has it."""
    return {p.name: p.default for p in inspect.signature(kind).parameters.values()}
