# Rendered on the fly. Pages of one text height each, from 16 to 200 pixels: at what resolution a
# page can be read differs from page to page, without steps. Some 27 % of them are below 32 pixels.
_pages = dict(
    type='EmbeddedTextSpottingDataset',
    image_size=(1024, 1024),
    text_height=(16, 200),
    text_height_per='image',
    num_blocks=(3, 8),
    difficulty=1.0,
    pipeline=None)

embedded_pages_train = dict(
    _pages, num_images=2000, split='train', seed=0, filter_cfg=dict(filter_empty_gt=True))
embedded_pages_val = dict(_pages, num_images=100, split='val', seed=0, test_mode=True)
embedded_pages_test = dict(_pages, num_images=400, split='test', seed=0, test_mode=True)
