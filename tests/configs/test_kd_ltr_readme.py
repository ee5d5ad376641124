"""What configs/textrecog/kd_ltr/README.md says is so: files, links, commands, presets."""
import ast
import re

from config_zoo import CONFIGS, ROOT, load
from guides import broken_links, expand

FOLDER = ROOT / 'textrecog/kd_ltr'
README = FOLDER / 'README.md'
TEXT = README.read_text()
MODELS = '{abinet,abinet-mmocr,matrn,parseq,parseq-tiny}'


def test_links_lead_somewhere():
    assert not broken_links(README)


def test_tables_name_all_configs_of_the_folder():
    tables = TEXT.split('## Configs')[1].split('## Use')[0]
    patterns = re.findall(r'`([\w\-{},<>]+_[\w\-]+\.py)`', tables)
    named = {name for pattern in patterns for name in expand(pattern.replace('<model>', MODELS))}
    assert {path.name for path in FOLDER.glob('*.py')} == named


def test_commands_name_files_that_exist():
    commands = '\n'.join(re.findall(r'```bash\n(.*?)```', TEXT, re.S))
    paths = re.findall(r'(?:configs|tools)/[\w/.\-]+', commands)
    assert len(paths) > 10
    assert all((ROOT.parent / path).exists() or (ROOT.parent / f'{path}.py').exists()
               for path in paths)


def test_converted_weights_are_where_the_configs_look():
    written = dict(re.findall(r' (work_dirs/pretrained/\S+) \\\n\s+--config (\S+)', TEXT))
    assert len(written) == 3
    for checkpoint, config in written.items():
        student = re.search(r'pretrained/(\w+)_official', checkpoint)[1]
        teacher = load(CONFIGS[f'{student}-lr_kd-ltr_100e_textzoom']).model.teacher
        assert teacher.checkpoint == checkpoint
        assert load(teacher.config).model == load(ROOT.parent / config).model


def test_presets_are_those_of_the_configs():
    rows = [[cell.strip(' `') for cell in line.strip('|').split('|')]
            for line in TEXT.splitlines() if re.match(r'\| `\w+\.\w+` \|', line)]
    for column, preset in enumerate(('official', 'robust', 'ctc'), start=1):
        shown = {row[0]: ast.literal_eval(row[column] or row[1])
                 for row in rows if row[column] or row[1]}
        assert shown == fields(preset)


def fields(preset):
    losses = load(FOLDER / f'_base_/distill/kd_ltr_{preset}.py').kd_ltr_losses.to_dict()
    return {f'{name}.{field}': value for name, loss in losses.items()
            for field, value in loss.items() if field not in ('type', '_scope_')}


def test_metafile_lists_what_is_trained_on_textzoom():
    listed = re.findall(r'^    Config: (.*)$', (FOLDER / 'metafile.yml').read_text(), re.M)
    assert {ROOT.parent / config for config in listed} == {*FOLDER.glob('*_textzoom.py')}
    names = re.findall(r'- Name: (.*_textzoom)$', (FOLDER / 'metafile.yml').read_text(), re.M)
    assert [load(ROOT.parent / config).filename.split('/')[-1] for config in listed] == [
        f'{name}.py' for name in names]
