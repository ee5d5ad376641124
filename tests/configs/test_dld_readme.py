"""What configs/textspotting/dld/README.md says is so: files, links, commands, presets."""
import ast
import re
from pathlib import Path

import pytest
import yaml
from config_zoo import CONFIGS, load
from dld_arms import FOLDER, SPOTTERS
from guides import broken_links, examples, expand
from mmengine.config import Config

README = FOLDER / 'README.md'
ROOT = FOLDER.parents[2]
TEXT = README.read_text()
COMMANDS = re.findall(r'```bash\n(.*?)```', TEXT, re.S)


def test_links_lead_somewhere():
    assert not broken_links(README)


def test_table_names_all_configs_of_the_folder():
    tables = TEXT.split('## Configs')[1].split('## Use')[0]
    spotters = dict(re.findall(r'`<(\w+)>` is `([\w\-]+)`', tables))
    assert set(spotters.values()) == set(SPOTTERS)
    patterns = [re.sub(r'<(\w+)>', lambda found: spotters[found[1]], pattern)
                for pattern in re.findall(r'`([\w\-{},.<>]+\.py)`', tables)]
    named = [name for pattern in patterns for name in expand(pattern)]
    assert sorted(named) == sorted(path.name for path in FOLDER.glob('*.py'))


def filled(block):
    """A block of commands with its own variables put in and its lines joined."""
    for name, value in re.findall(r'^(\w)=(\S+)$', block, re.M):
        block = re.sub(rf'\$\{{{name}\}}|\${name}\b', value, block)
    return block.replace('\\\n', ' ')


@pytest.mark.parametrize('block', [*map(filled, COMMANDS)], ids=lambda text: text.split('\n')[0])
def test_commands_name_files_that_exist(block):
    paths = [path for path in re.findall(r'(?:configs|tools)/[\w/.\-]+', block)
             if path.endswith('.py')]
    assert paths and all((ROOT / path).is_file() for path in paths)
    for path in map(Path, re.findall(r'work_dirs/[\w/.\-]+\.pth', block)):
        assert path.stem == _last(load(CONFIGS[path.parent.name]).train_cfg)


def test_commands_set_fields_that_exist():
    """All but ``init_cfg``, which is made complete by them."""
    for command in filled('\n'.join(COMMANDS)).split('\n'):
        for field, value in re.findall(r' (?:--)?(model\.[\w.]+)[= ](\S+)', command):
            (config, ) = re.findall(r'configs/\S+\.py', command)
            node = load(ROOT / config)
            for part in field.split('.'):
                assert part in node, (config, field)
                node = node[part]
            assert value


def test_out_of_the_box_asks_for_nothing_that_is_downloaded():
    """No checkpoint and no ratings but those of the commands before."""
    made = {'work_dirs/pretrained/efficientnet_lite0.pth'}  # of tools/export_lite0.py
    for command in filled('\n'.join(COMMANDS[:3])).split('\n'):
        made |= {*re.findall(r'--out (\S+)', command)}
        for config in re.findall(r'mim train mmocr (\S+)', command):
            cfg = load(ROOT / config)
            named = {*checkpoints(cfg.to_dict()), cfg.load_from} - {None}
            assert named <= made, config
            made.add(f'work_dirs/{Path(config).stem}/{_last(cfg.train_cfg)}.pth')
    assert len(made) == 7  # and detector, recogniser, ratings, selector, teacher, DLD


def _last(loop):
    return f'epoch_{loop.max_epochs}' if 'max_epochs' in loop else f'iter_{loop.max_iters}'


def checkpoints(node):
    """All weights and ratings that a config asks for."""
    if isinstance(node, dict):
        yield from (node[key] for key in ('checkpoint', 'file') if isinstance(node.get(key), str))
        node = list(node.values())
    if isinstance(node, list):
        for part in node:
            yield from checkpoints(part)


def test_example_tests_one_data_set_with_its_lists(tmp_path):
    (example, ) = examples(README)
    path = tmp_path / 'lists.py'
    path.write_text(example.replace("'configs/", f"'{ROOT}/configs/"))
    cfg = Config.fromfile(path, format_python_code=False)
    (data, ) = cfg.test_dataloader.dataset.datasets
    assert data.data_root.endswith('icdar2015') and len(data.pipeline) > 3
    assert len(cfg.test_evaluator.dataset_prefixes) == 1
    assert set(cfg.test_evaluator.metrics[0].lexicons) == {'none', 'strong', 'weak', 'generic'}


def test_presets_are_those_of_the_configs():
    rows = [[cell.strip(' `') for cell in line.strip('|').split('|')]
            for line in TEXT.replace('` (gamma)', '`').splitlines()
            if re.match(r'\| `\w+\.\w+` \|', line)]
    for column, preset in enumerate(('official', 'paper'), start=1):
        shown = {row[0]: ast.literal_eval(row[column] or row[1])
                 for row in rows if row[column] or row[1]}
        assert shown == fields(preset)


def fields(preset):
    dld = load(FOLDER.parent / f'_base_/distill/dld_{preset}.py').dld.to_dict()
    parts = {**dld['losses'], **{part: dld['objective'][part] for part in ('accuracy', 'cost')},
             'selector': dict(costs=dld['selector']['costs'])}
    assert dld['objective']['preset'] == preset
    return {f'{name}.{field}': value for name, part in parts.items()
            for field, value in part.items() if field not in ('type', 'name', '_scope_')}


def test_metafile_lists_what_is_trained_on_public_data():
    metafile = yaml.safe_load((FOLDER / 'metafile.yml').read_text())
    folders = [path for path in FOLDER.parent.iterdir() if path.name != '_base_']
    published = {path for folder in folders for data in ('dld-mixture', 'icdar2015')
                 for path in folder.glob(f'*_{data}.py')}
    assert {ROOT / model['Config'] for model in metafile['Models']} == published
    for model in metafile['Models']:
        assert model['Name'] == Path(model['Config']).stem
        assert model['In Collection'] == metafile['Collections'][0]['Name']
    assert (ROOT / metafile['Collections'][0]['README']) == README
