# Rendered on the fly, nothing to download; pipelines start with LoadImageFromFile as for files.
# Training, validation and test images share neither photos nor random seeds. See docs/data.md.
embedded_textspotting_train = dict(
    type='EmbeddedTextSpottingDataset',
    num_images=1000,
    split='train',
    seed=0,
    image_size=(320, 320),
    text_height=(8, 64),
    num_blocks=(2, 6),
    difficulty=1.0,
    filter_cfg=dict(filter_empty_gt=True, min_size=32),
    pipeline=None)

embedded_textspotting_val = dict(
    type='EmbeddedTextSpottingDataset',
    num_images=100,
    split='val',
    seed=0,
    image_size=(320, 320),
    text_height=(8, 64),
    num_blocks=(2, 6),
    difficulty=1.0,
    test_mode=True,
    pipeline=None)

embedded_textspotting_test = dict(
    type='EmbeddedTextSpottingDataset',
    num_images=200,
    split='test',
    seed=0,
    image_size=(320, 320),
    text_height=(8, 64),
    num_blocks=(2, 6),
    difficulty=1.0,
    test_mode=True,
    pipeline=None)
