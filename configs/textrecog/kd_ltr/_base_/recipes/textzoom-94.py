# TextZoom for recognisers of all printable ASCII characters (PARSeq). Accuracy still ignores case
# and symbols.
_base_ = 'textzoom.py'

train_pipeline = [
    dict(type='LoadOCRAnnotations', with_text=True),
    dict(
        type='FilterRecogText',
        dictionary=dict(
            type='Dictionary',
            dict_file='{{ fileDirname }}/../../../dicts/english_digits_punctuation.txt'),
        letter_case='unchanged',
        oov='drop',
        max_length=25,
        empty='drop'),
    _base_.resize,
    _base_.pack,
]
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
