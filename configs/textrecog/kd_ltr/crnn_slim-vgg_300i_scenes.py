# The recogniser for photos that comes with the package: words and lines, of any case and with
# symbols, rendered on free photos in free fonts; the network of "mmocr-kd distill rec". 300 steps
# from the weights that know rendered words, all but their classifier: it had 36 characters, which
# MMEngine says when it loads them. Its data are made by
#   python tools/scene_assets.py data/scene_assets
# and, for each of the two units,
#   python tools/write_embedded.py data/scenes/words --train 700 --val 0 --test 0 \
#       --tasks textrecog --seed 2 --image-size 512 512 --text-height 10 64 --num-blocks 8 14 \
#       --difficulty 1.2 --unit word --photos data/scene_assets/photos \
#       --fonts data/scene_assets/fonts/latin --words data/scene_assets/words.txt
_base_ = ['_base_/recipes/photos.py', '_base_/models/crnn_photos.py']

scenes = dict(
    type='CheckedOCRDataset',
    ann_file='textrecog_train.json',
    source='tools/write_embedded.py, as the config says')
train_dataloader = dict(
    sampler=dict(ratios=[2, 1], groups=200),
    dataset=dict(
        datasets=[dict(scenes, data_root='data/scenes/words'),
                  dict(scenes, data_root='data/scenes/lines')]))
held_out = dict(
    dataset=dict(
        _delete_=True,
        type='EmbeddedTextRecogDataset',
        split='val',
        num_images=60,
        text_height=(10, 64),
        test_mode=True,
        pipeline=_base_.test_pipeline))
val_dataloader = held_out
test_dataloader = held_out

dictionary = '{{ fileDirname }}/../../textspotting/dicts/english_digits_punctuation_space.txt'
model = dict(decoder=dict(dictionary=dict(dict_file=dictionary)))
load_from = 'mmocr_kd://crnn_slim-vgg_1e_embedded-words'
train_cfg = dict(max_epochs=12, val_interval=12)
param_scheduler = [
    dict(type='PolyLR', power=0.9, eta_min=1e-5, end=12, by_epoch=True, convert_to_iter_based=True)
]
