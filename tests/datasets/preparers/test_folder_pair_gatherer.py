import pytest
from mmocr.registry import DATA_GATHERERS


def touch(root, *names):
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()


def gather(root, folders, **fields):
    return DATA_GATHERERS.build(
        dict(type='FolderPairGatherer', data_root=str(root), split='train', folders=folders,
             img_dir='textdet_imgs/train', ann_dir='annotations', **fields))()


def test_pairs_are_sorted_and_other_files_left_alone(tmp_path):
    touch(tmp_path, 'a/2.JPG', 'a/2.gt', 'a/10.jpg', 'a/10.gt', 'a/1.Png', 'a/1.gt', 'a/Thumbs.db')
    images, notes = gather(tmp_path, [('a', 'a')])
    assert images == [f'{tmp_path}/a/{name}' for name in ('1.Png', '10.jpg', '2.JPG')]
    assert notes == [f'{tmp_path}/a/{name}' for name in ('1.gt', '10.gt', '2.gt')]


def test_several_folders_and_names_with_suffix(tmp_path):
    touch(tmp_path, 'x/im/a.jpg', 'x/gt/a.jpg.txt', 'y/im/a.jpg', 'y/gt/a.jpg.txt')
    images, notes = gather(tmp_path, [('x/im', 'x/gt'), ('y/im', 'y/gt')], ann_name='{name}.txt')
    assert [image[len(str(tmp_path)):] for image in images] == ['/x/im/a.jpg', '/y/im/a.jpg']
    assert [note[len(str(tmp_path)):] for note in notes] == ['/x/gt/a.jpg.txt', '/y/gt/a.jpg.txt']


@pytest.mark.parametrize('files, words', [
    ([], ['/a is missing', 'docs/data.md']),
    (['a/1.gt'], ['/a holds no image', '.jpg']),
    (['a/1.jpg', 'a/1.gt', 'a/2.jpg', 'a/3.jpg'], ['2 images', '/a/2.gt']),
    (['a/1.jpg', 'a/1.gt', 'a/2.gt'], ['1 annotations have no image', '/a/2.gt']),
])
def test_what_is_missing_is_named(files, words, tmp_path):
    touch(tmp_path, *files)
    with pytest.raises(FileNotFoundError) as caught:
        gather(tmp_path, [('a', 'a')])
    assert all(word in str(caught.value) for word in words), caught.value


@pytest.mark.parametrize('files, words', [
    (['a/1.jpg', 'a/1.png', 'a/1.gt'], ['/a/1.jpg and ', '/a/1.png', "'1.gt'"]),
    (['a/1.jpg', 'a/1.JPG', 'a/1.gt'], ['/a/1.JPG and ', '/a/1.jpg']),
    (['a/1.jpg', 'a/1.gt', 'a/1.GT'], ['/a/1.GT and ', '/a/1.gt']),
])
def test_what_cannot_be_told_apart_is_refused(files, words, tmp_path):
    touch(tmp_path, *files)
    with pytest.raises(ValueError) as caught:
        gather(tmp_path, [('a', 'a')])
    assert all(word in str(caught.value) for word in words), caught.value


def test_names_with_suffix_tell_them_apart(tmp_path):
    touch(tmp_path, 'a/1.jpg', 'a/1.png', 'b/1.jpg.txt', 'b/1.png.TXT')
    images, notes = gather(tmp_path, [('a', 'b')], ann_name='{name}.txt')
    assert [image[-5:] for image in images] == ['1.jpg', '1.png']
    assert [note[-9:] for note in notes] == ['1.jpg.txt', '1.png.TXT']


@pytest.mark.parametrize('note', ['img.v1.gt', 'img.v1.GT'])
def test_dotted_names_and_upper_case(note, tmp_path):
    touch(tmp_path, 'a/img.v1.JPEG', f'a/{note}', 'a/img.v2.jpg', 'a/img.v2.gt')
    images, notes = gather(tmp_path, [('a', 'a')])
    assert images == [f'{tmp_path}/a/img.v1.JPEG', f'{tmp_path}/a/img.v2.jpg']
    assert notes == [f'{tmp_path}/a/{note}', f'{tmp_path}/a/img.v2.gt']


def test_annotations_without_a_suffix(tmp_path):
    touch(tmp_path, 'a/x.v1.jpg', 'b/gt_x.v1', 'b/readme.txt')
    assert gather(tmp_path, [('a', 'b')], ann_name='gt_{stem}')[1] == [f'{tmp_path}/b/gt_x.v1']
