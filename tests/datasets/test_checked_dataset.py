"""Data sets that look at their files and labels before training starts."""
import json

import lmdb_files
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from mmocr.registry import DATASETS
from torch.utils.data import DataLoader

from mmocr_kd.datasets.embedded import assets
from mmocr_kd.datasets.words import BrokenRecordError

READ = dict(type='LoadOCRAnnotations', with_text=True)
LOWER = dict(type='FilterRecogText', charset='abcdefghijklmnopqrstuvwxyz', max_length=5)
WORDS = ['one', 'Two', "it's", 'sixsix', '', 'four']  # the first and the last fit
FIT = ['one', 'four']


def lmdb_set(folder, texts):
    return dict(type='CheckedRecogLMDBDataset', ann_file=str(lmdb_files.words(folder / 'a', texts)))


def textzoom_set(folder, texts):
    return dict(type='TextZoomDataset', ann_file=str(lmdb_files.pairs(folder / 'a', texts)))


def write_images(folder, number):
    for i in range(number):
        (folder / f'{i}.png').write_bytes(lmdb_files.png(lmdb_files.image(i)))


def json_set(folder, texts, **fields):
    write_images(folder, len(texts))
    samples = [dict(img_path=f'{i}.png', instances=[dict(text=text)])
               for i, text in enumerate(texts)]
    (folder / 'words.json').write_text(json.dumps(dict(metainfo={}, data_list=samples)))
    return dict(type='CheckedOCRDataset', data_root=str(folder), ann_file='words.json', **fields)


def text_set(folder, texts, **fields):
    write_images(folder, len(texts))
    lines = [json.dumps(dict(filename=f'{i}.png', text=text)) for i, text in enumerate(texts)]
    (folder / 'words.jsonl').write_text('\n'.join(lines))
    return dict(type='CheckedRecogTextDataset', data_root=str(folder), ann_file='words.jsonl',
                data_prefix=dict(img_path='.'), **fields)


KINDS = pytest.mark.parametrize('kind', [lmdb_set, textzoom_set, json_set, text_set])


def build(config, *steps, **fields):
    return DATASETS.build(dict(config, pipeline=[READ, *steps], **fields))


def labels(dataset):
    return [dataset[i]['gt_texts'][0] for i in range(len(dataset))]


@KINDS
def test_what_does_not_fit_is_told_once_and_not_counted(tmp_path, kind, log):
    dataset = build(kind(tmp_path, WORDS), LOWER)
    assert len(dataset) == 2 and labels(dataset) == FIT
    dataset.full_init()  # as MMEngine's Runner does
    assert len(log) == 1
    for part in ('drops 4 of 6 labels (66.7%)', "2 with characters that are not in the charset, "
                 "such as ['Two', \"it's\"]", "1 longer than 5, such as ['sixsix']",
                 "1 empty, such as ['']", '2 are left', str(tmp_path), "letter_case='unchanged'"):
        assert part in log[0]


@KINDS
def test_workers_are_silent(tmp_path, kind, log, capfd):
    dataset = build(kind(tmp_path, WORDS), LOWER)
    capfd.readouterr()
    loader = DataLoader(dataset, batch_size=None, num_workers=2)
    assert sorted(sample['gt_texts'][0] for sample in loader) == sorted(FIT)
    assert len(log) == 1 and 'drops' not in ''.join(capfd.readouterr())


@KINDS
def test_a_pipeline_that_comes_from_a_concatenation_counts_too(tmp_path, kind, log):
    config = kind(tmp_path, WORDS)
    dataset = DATASETS.build(dict(type='ConcatDataset', datasets=[config, config],
                                  pipeline=[READ, LOWER]))
    assert len(dataset) == 4 and labels(dataset) == FIT * 2
    assert len(log) == 2  # one a data set


def test_repeated_data_sets_count_what_is_left(tmp_path):
    inner = dict(json_set(tmp_path, WORDS), pipeline=[READ, LOWER])
    dataset = DATASETS.build(dict(type='RepeatDataset', times=3, dataset=inner))
    assert len(dataset) == 6 and labels(dataset) == FIT * 3


def test_a_data_set_that_is_read_late_counts_when_it_is(tmp_path):
    dataset = build(json_set(tmp_path, WORDS), LOWER, lazy_init=True, serialize_data=False)
    assert len(dataset) == 2 and labels(dataset) == FIT


def test_indices_count_before(tmp_path):
    assert labels(build(json_set(tmp_path, WORDS), LOWER, indices=5)) == ['one']


@KINDS
def test_nothing_left_is_an_error_with_the_policy(tmp_path, kind):
    with pytest.raises(ValueError, match="letter_case='unchanged', oov='drop'.*2 of 2 labels"
                       ".*'ONE', 'TWO'.*Nothing is left"):
        build(kind(tmp_path, ['ONE', 'TWO']), LOWER)


@KINDS
def test_a_test_set_must_not_lose_words(tmp_path, kind):
    config = kind(tmp_path, WORDS)
    with pytest.raises(ValueError, match="4 of 6.*another test set.*oov='remove'"):
        build(config, LOWER, test_mode=True)
    keeps = dict(LOWER, letter_case='lower', oov='remove', empty='keep', max_length=None)
    assert labels(build(config, keeps, test_mode=True)) == [
        'one', 'two', 'its', 'sixsix', '', 'four']


def test_rendered_words_are_told_by_the_fields_that_make_them(log):
    dataset = build(dict(type='EmbeddedTextRecogDataset', num_images=3), LOWER)
    assert 0 < len(dataset) == len([i for i in range(len(dataset))
                                    if dataset.get_data_info(i)['instances'][0]['text'].islower()])
    assert 'train-s0-320x320' in log[0]


TEXTS = st.lists(st.text('abAB-', max_size=7), min_size=1, max_size=8)


@settings(max_examples=20, deadline=None, suppress_health_check=[
    HealthCheck.function_scoped_fixture])
@given(TEXTS, st.sampled_from(['drop', 'remove']), st.sampled_from(['lower', 'unchanged']),
       st.sampled_from(['drop', 'keep']))
def test_what_is_left_is_what_the_transform_lets_pass(tmp_path, texts, oov, case, empty):
    step = dict(LOWER, oov=oov, letter_case=case, empty=empty)
    reference = build(json_set(tmp_path, texts))
    passed = [results['gt_texts'][0] for i in range(len(texts))
              if (results := _filter(step).transform(reference[i]))]
    if passed:
        assert labels(build(json_set(tmp_path, texts), step)) == passed
    else:
        with pytest.raises(ValueError, match='Nothing is left'):
            build(json_set(tmp_path, texts), step)


def _filter(step):
    from mmocr.registry import TRANSFORMS
    return TRANSFORMS.build(step)


def test_mmocrs_data_sets_say_so_when_the_first_label_is_dropped(tmp_path, log):
    dataset = build(dict(json_set(tmp_path, WORDS), type='OCRDataset'), LOWER)
    assert len(dataset) == 6 and set(labels(dataset)) == set(FIT)
    assert len(log) == 1 and "'Two'" in log[0] and 'CheckedOCRDataset' in log[0]


def test_mmocrs_data_sets_stop_with_the_policy_when_nothing_fits(tmp_path):
    dataset = build(dict(json_set(tmp_path, ['ONE', 'TWO']), type='OCRDataset'), LOWER)
    with pytest.raises(ValueError, match="oov='drop'.*1000 labels.*not in the charset"):
        dataset[0]


@pytest.mark.parametrize('kind', [json_set, text_set])
def test_integers_are_read_as_written_and_other_numbers_refused(tmp_path, kind):
    assert labels(build(kind(tmp_path, [123, 'a']))) == ['123', 'a']
    with pytest.raises(ValueError, match=r"1.png' has the text 1.5, which is a float"):
        build(kind(tmp_path, ['a', 1.5]))


@pytest.mark.parametrize('kind', [json_set, text_set])
def test_a_word_without_a_text_is_named_where_texts_are_wanted(tmp_path, kind):
    config = kind(tmp_path, ['a', None])
    with pytest.raises(ValueError, match="1.png' has a word without a text"):
        build(config)
    assert len(DATASETS.build(dict(config, pipeline=[]))) == 2


def test_a_missing_text_field_is_named_too(tmp_path):
    config = json_set(tmp_path, ['a'])
    file = tmp_path / 'words.json'
    file.write_text(file.read_text().replace('{"text": "a"}', '{}'))
    with pytest.raises(ValueError, match="0.png' has a word without a text"):
        build(config)


@pytest.mark.parametrize('kind', [json_set, text_set])
def test_gbk_is_named_with_file_and_line(tmp_path, kind):
    config = kind(tmp_path, ['a'])
    file = tmp_path / config['ann_file']
    file.write_bytes(b'\n' + '中文'.encode('gbk') + b'\n')
    with pytest.raises(ValueError, match=f"{config['ann_file']}', line 2, is not UTF-8"):
        build(config)


def test_gbk_in_lmdb_is_named_with_file_and_record(tmp_path, log):
    path = lmdb_files.words(tmp_path / 'a', label_2='中文'.encode('gbk'))
    config = dict(type='CheckedRecogLMDBDataset', ann_file=str(path))
    with pytest.raises(BrokenRecordError, match=r"'label-000000002' of '.*a' is not in UTF-8"):
        build(config)
    assert '�' not in ''.join(labels(build(config, on_error='skip')))
    assert 'label-000000002' in log[0] and 'left out' in log[0]


def test_records_without_a_label_are_told(tmp_path, log):
    path = lmdb_files.words(tmp_path / 'a', label_2=None, label_4=b'')
    build(dict(type='CheckedRecogLMDBDataset', ann_file=str(path)))
    assert len(log) == 1 and '1 records' in log[0] and '[2]' in log[0] and 'no label' in log[0]


def test_a_cut_off_annotation_file_is_named(tmp_path):
    config = json_set(tmp_path, ['a'])
    file = tmp_path / 'words.json'
    file.write_text(file.read_text()[:-3])
    with pytest.raises(ValueError, match="words.json' is no JSON, or cut off"):
        build(config)


@KINDS
def test_missing_files_come_with_the_command_that_makes_them(tmp_path, kind):
    config = dict(kind(tmp_path, WORDS), source='python tools/make.py words')
    config['ann_file'] += '.other'
    with pytest.raises(FileNotFoundError, match=r"\.other' of .*: python tools/make.py words"):
        build(config)


@pytest.mark.parametrize('kind', [json_set, text_set])
def test_missing_images_are_found_before_the_first_is_read(tmp_path, kind):
    config = kind(tmp_path, WORDS)
    (tmp_path / '3.png').unlink()
    with pytest.raises(FileNotFoundError, match=r"3\.png' of Checked.*docs/data.md"):
        build(config)


@pytest.mark.parametrize('package', ['matplotlib', 'skimage', 'imgaug'])
def test_missing_fonts_and_photos_are_found_before_the_first_is_drawn(monkeypatch, package):
    def folder(name):
        if name == package:
            raise ImportError(f"{name}: pip install 'mmocr_kd[embedded]'")
        return original(name)

    original = assets.package_folder
    monkeypatch.setattr(assets, 'package_folder', folder)
    assets.load_font.cache_clear()
    with pytest.raises(ImportError, match=f'{package}: pip install'):
        DATASETS.build(dict(type='EmbeddedTextDetDataset', num_images=1))
