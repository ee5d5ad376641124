# SAR with the sequential decoder. Its teacher:
# mmocr::textrecog/sar/sar_resnet31_sequential-decoder_5e_st-sub_mj-sub_sa_real.py
_base_ = 'sar-parallel_lr.py'


model = dict(decoder=dict(type='SequentialSARDecoder'))
