# Rendered on the fly. Half of the images show small text, half large text: at what resolution a
# word can be read differs from image to image, which is what a resolution selector has to see.
_small = dict(
    type='EmbeddedTextSpottingDataset',
    image_size=(448, 448),
    text_height=(18, 26),
    num_blocks=(1, 1),
    difficulty=1.0)
_large = dict(_small, text_height=(56, 84))
_train = dict(
    num_images=600, split='train', seed=0, filter_cfg=dict(filter_empty_gt=True), pipeline=None)
_val = dict(num_images=50, split='val', seed=0, test_mode=True, pipeline=None)
_test = dict(num_images=200, split='test', seed=0, test_mode=True, pipeline=None)

embedded_sizes_train = [dict(_small, **_train), dict(_large, **dict(_train, seed=1))]
embedded_sizes_val = [dict(_small, **_val), dict(_large, **dict(_val, seed=1))]
embedded_sizes_test = [dict(_small, **_test), dict(_large, **dict(_test, seed=1))]
