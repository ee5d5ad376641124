# Words cut out of images that are rendered on the fly, nothing to download; pipelines start with
# LoadImageFromFile as for files. num_images counts the scenes, some seven words each.
# Training, validation and test images share neither photos nor random seeds. See docs/data.md.
embedded_textrecog_train = dict(
    type='EmbeddedTextRecogDataset',
    num_images=1000,
    split='train',
    seed=0,
    image_size=(320, 320),
    text_height=(8, 64),
    num_blocks=(2, 6),
    difficulty=1.0,
    pipeline=None)

embedded_textrecog_val = dict(
    type='EmbeddedTextRecogDataset',
    num_images=100,
    split='val',
    seed=0,
    image_size=(320, 320),
    text_height=(8, 64),
    num_blocks=(2, 6),
    difficulty=1.0,
    test_mode=True,
    pipeline=None)

embedded_textrecog_test = dict(
    type='EmbeddedTextRecogDataset',
    num_images=200,
    split='test',
    seed=0,
    image_size=(320, 320),
    text_height=(8, 64),
    num_blocks=(2, 6),
    difficulty=1.0,
    test_mode=True,
    pipeline=None)
