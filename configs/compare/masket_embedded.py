# What "mmocr-kd demo" trains, from nothing, on images that are rendered while they are read. This
# goes on with it in the same folder, with all that compare can do:
#   mmocr-kd compare configs/compare/masket_embedded.py --out OUT
seeds = [0, 1, 2, 3, 4]
reference = 'plain'
protocol = 'detection'

arms = dict(
    plain=dict(config='../textdet/masket/dbnet_mobilenetv3-small_fpnc_1e_embedded.py'),
    masket=dict(config='../masket_dbnet_mbv3.py'))
# It is scored when it is trained.
cfg_options = {'train_cfg.val_begin': 2}
