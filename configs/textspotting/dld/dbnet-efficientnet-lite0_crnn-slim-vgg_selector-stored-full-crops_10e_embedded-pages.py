# A selector for detection alone: words are cut out of the full image whatever it chooses. What the
# spotter with crop_from='full' finds was rated:
#   mmocr-kd rate-scales dbnet-efficientnet-lite0_crnn-slim-vgg_full-crops_embedded-pages.py ... \
#       --out work_dirs/ratings/embedded-pages-full-crops_train.jsonl
_base_ = 'dbnet-efficientnet-lite0_crnn-slim-vgg_selector-stored_10e_embedded-pages.py'

model = dict(
    student=dict(crop_from='full'),
    objective=dict(errors=dict(file='work_dirs/ratings/embedded-pages-full-crops_train.jsonl')))
