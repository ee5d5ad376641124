# What reads the embedded pages in docs/results.md: two parts, each trained for itself on rendered
# text of many sizes. There is nothing to train here: rate it, and put a selector before it.
#   mim train mmocr configs/textdet/dld/dbnet_efficientnet-lite0_fpnc64_1000i_embedded.py
#   mim train mmocr configs/textrecog/kd_ltr/crnn_slim-vgg_3e_embedded-words.py
_base_ = [
    '../_base_/models/dbnet-efficientnet-lite0_crnn-slim-vgg.py',
    '../_base_/recipes/embedded-pages.py',
]

detector = 'work_dirs/dbnet_efficientnet-lite0_fpnc64_1000i_embedded/iter_1000.pth'
recognizer = 'work_dirs/crnn_slim-vgg_3e_embedded-words/epoch_3.pth'
model = dict(
    detector=dict(
        neck=dict(lateral_channels=64, out_channels=16),
        det_head=dict(in_channels=64),
        init_cfg=dict(type='Pretrained', checkpoint=detector)),
    recognizer=dict(init_cfg=dict(type='Pretrained', checkpoint=recognizer)))
