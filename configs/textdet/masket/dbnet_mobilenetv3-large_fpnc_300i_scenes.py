# The detector for photos that comes with the package: lines of text, Latin and Chinese, rendered on
# free photos in free fonts. Labels are exact, so nothing teaches. 300 steps from the weights that
# know rendered words. Its data are made by
#   python tools/scene_assets.py data/scene_assets
# and, for each of the two scripts (of Chinese, 1000),
#   python tools/write_embedded.py data/scenes/latin --train 1400 --val 0 --test 0 --tasks textdet \
#       --seed 1 --image-size 512 512 --text-height 12 160 --num-blocks 2 7 --difficulty 1.2 \
#       --unit line --photos data/scene_assets/photos --fonts data/scene_assets/fonts/latin
_base_ = ['_base_/recipes/photos.py', '_base_/models/dbnet_mobilenetv3-large_fpnc64.py']

scenes = dict(
    type='CheckedOCRDataset',
    ann_file='textdet_train.json',
    source='tools/write_embedded.py, as the config says',
    filter_cfg=dict(filter_empty_gt=True, min_size=32))
train_pipeline = _base_.train_pipeline
# Text as large as in the tests, where photos are at most 736 pixels long.
train_pipeline[2] = dict(
    type='RandomResize', scale=(512, 512), ratio_range=(0.5, 1.25), keep_ratio=True)
train_dataloader = dict(
    sampler=dict(ratios=[1, 1], groups=100),
    dataset=dict(
        datasets=[dict(scenes, data_root='data/scenes/latin'),
                  dict(scenes, data_root='data/scenes/chinese')],
        pipeline=train_pipeline))
held_out = dict(
    dataset=dict(
        _delete_=True,
        type='EmbeddedTextDetDataset',
        split='val',
        num_images=60,
        image_size=(512, 512),
        text_height=(12, 160),
        unit='line',
        test_mode=True,
        pipeline=_base_.test_pipeline))
val_dataloader = held_out
test_dataloader = held_out

model = dict(det_head=dict(module_loss=dict(type='PreparedDBModuleLoss')))
load_from = 'mmocr_kd://dbnet_mobilenetv3-large_fpnc_1e_embedded-12k'
custom_hooks = [dict(type='ChannelsLastHook')]
train_cfg = dict(max_epochs=12, val_interval=12)
param_scheduler = [
    dict(type='PolyLR', power=0.9, eta_min=1e-5, end=12, by_epoch=True, convert_to_iter_based=True)
]
