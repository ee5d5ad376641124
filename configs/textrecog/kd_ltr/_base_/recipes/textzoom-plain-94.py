# As textzoom-plain.py, for recognisers of all printable ASCII characters (PARSeq).
_base_ = 'textzoom-plain.py'

train_pipeline = [
    _base_.load_label,
    dict(
        type='FilterRecogText',
        dictionary=dict(
            type='Dictionary',
            dict_file='{{ fileDirname }}/../../../dicts/english_digits_punctuation.txt'),
        letter_case='unchanged',
        oov='drop',
        max_length=25,
        empty='drop'),
    _base_.resize_small,
    _base_.pack_small,
]
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
