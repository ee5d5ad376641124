"""Test a checkpoint; same command line as MMOCR's own test.py."""
from pathlib import Path

from runner_cli import build_runner, check_files, load_config, new_parser


def main():
    parser = new_parser(__doc__)
    parser.add_argument('checkpoint', help='checkpoint file')
    parser.add_argument('--save-preds', action='store_true',
                        help='write predictions to <work dir>/<checkpoint>_predictions.pkl')
    shown = parser.add_mutually_exclusive_group()
    shown.add_argument('--show', action='store_true', help='show predictions in a window')
    shown.add_argument('--show-dir', help='write pictures of predictions here')
    parser.add_argument('--wait-time', type=float, default=2, help='seconds a window stays')
    parser.add_argument('--tta', action='store_true',
                        help="test-time augmentation, by the config's tta_model and tta_pipeline")
    args = parser.parse_args()
    cfg = load_config(args)
    cfg.load_from = args.checkpoint
    if args.show or args.show_dir:
        draw(cfg, args)
    if args.tta:
        augment(cfg)
    if args.save_preds:
        save_predictions(cfg)
    check_files(cfg, ['test_dataloader'])
    build_runner(cfg).test()


def draw(cfg, args):
    hook = cfg.get('default_hooks', {}).get('visualization')
    if hook is None:
        raise SystemExit('--show and --show-dir need default_hooks.visualization in the config')
    hook.update(enable=True, draw_gt=True, draw_pred=True, show=args.show,
                wait_time=args.wait_time)
    if args.show_dir:
        cfg.visualizer.update(save_dir=args.show_dir, vis_backends=[dict(type='LocalVisBackend')])


def augment(cfg):
    if 'tta_model' not in cfg or 'tta_pipeline' not in cfg:
        raise SystemExit('--tta needs tta_model and tta_pipeline in the config')
    cfg.test_dataloader.dataset.pipeline = cfg.tta_pipeline
    cfg.model = dict(cfg.tta_model, module=cfg.model)


def save_predictions(cfg):
    path = Path(cfg.work_dir, f'{Path(cfg.load_from).name}_predictions.pkl')
    metrics = cfg.test_evaluator
    metrics = list(metrics) if isinstance(metrics, (list, tuple)) else [metrics]
    cfg.test_evaluator = [*metrics, dict(type='DumpResults', out_file_path=str(path))]


if __name__ == '__main__':
    main()
