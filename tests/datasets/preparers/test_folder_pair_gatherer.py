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
