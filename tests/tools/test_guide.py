"""What the guide to the tools says is what there is."""
import re
import runpy
import sys
from pathlib import Path

import pytest

from mmocr_kd.cli import main

ROOT = Path(__file__).resolve().parents[2]
GUIDE = ROOT / 'docs/tools.md'
TOOLS = {path.name for path in (ROOT / 'tools').glob('*.py') if 'def main' in path.read_text()}
COMMANDS = [command for block in re.findall(r'```bash\n(.*?)```', GUIDE.read_text(), re.S)
            for command in re.sub(r'\\\n\s*', '', block).splitlines()
            if command.startswith('python tools/')]


def test_every_tool_has_a_section_and_a_line_in_the_table():
    sections = re.findall(r'^## (.*)$', GUIDE.read_text(), re.M)
    names = {name for section in sections for name in section.split(', ')}
    assert {name for name in names if name.endswith('.py')} == TOOLS
    assert {name for name in names if not name.endswith('.py')} <= set(main.commands)
    linked = re.findall(r'^\| \[(.*?)\]', GUIDE.read_text(), re.M)
    assert linked == sections


def test_links_lead_somewhere():
    titles = re.findall(r'^## (.*)$', GUIDE.read_text(), re.M)
    anchors = {re.sub(r'[^\w\- ]', '', title.lower()).replace(' ', '-') for title in titles}
    for link in re.findall(r'\]\(([^)]+)\)', GUIDE.read_text()):
        path, _, anchor = link.partition('#')
        assert (GUIDE.parent / path).exists() if path else anchor in anchors, link


@pytest.mark.parametrize('tool', sorted(TOOLS))
def test_every_option_in_the_guide_is_in_the_help(tool, monkeypatch, capsys):
    monkeypatch.syspath_prepend(str(ROOT / 'tools'))
    monkeypatch.setattr(sys, 'argv', [tool, '--help'])
    with pytest.raises(SystemExit) as stopped:
        runpy.run_path(str(ROOT / 'tools' / tool), run_name='__main__')
    said = capsys.readouterr().out
    assert stopped.value.code == 0 and said.startswith(f'usage: {tool}')
    for command in (c.split() for c in COMMANDS if c.split()[1] == f'tools/{tool}'):
        for option in command:
            if option.startswith('--'):
                assert re.search(rf'(?<!\S){option}\b', said), (command, option)
