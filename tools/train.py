"""Train a model; same command line as MMOCR's own train.py."""
from runner_cli import build_runner, check_files, load_config, new_parser


def main():
    parser = new_parser(__doc__)
    parser.add_argument('--resume', action='store_true',
                        help='go on from the latest checkpoint in the work dir')
    parser.add_argument('--amp', action='store_true', help='mixed precision (needs a GPU)')
    parser.add_argument('--auto-scale-lr', action='store_true',
                        help='scale the learning rate by batch size; the config must have '
                        'auto_scale_lr.base_batch_size')
    args = parser.parse_args()
    cfg = load_config(args)
    if args.amp:
        use_amp(cfg)
    if args.auto_scale_lr:
        scale_lr(cfg)
    cfg.resume = args.resume or cfg.get('resume', False)
    validated = ['val_dataloader'] if cfg.get('val_cfg') else []
    check_files(cfg, ['train_dataloader', *validated], training=True)
    build_runner(cfg).train()


def use_amp(cfg):
    kind = cfg.optim_wrapper.get('type', 'OptimWrapper')
    if kind.rpartition('.')[2] not in ('OptimWrapper', 'AmpOptimWrapper'):  # dotted in read_base
        raise SystemExit(f'--amp needs optim_wrapper.type=OptimWrapper, the config has {kind!r}')
    cfg.optim_wrapper.type = 'AmpOptimWrapper'
    cfg.optim_wrapper.setdefault('loss_scale', 'dynamic')


def scale_lr(cfg):
    if 'base_batch_size' not in cfg.get('auto_scale_lr', {}):
        raise SystemExit('--auto-scale-lr needs auto_scale_lr.base_batch_size in the config')
    cfg.auto_scale_lr.enable = True


if __name__ == '__main__':
    main()
