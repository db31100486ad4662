/**
 * The augmentation of a run, as JSON, and how it is made.
 */
import { type Check, checkKind } from '../../core/options';
import { type Augmentation, cropAndFlip } from '../../data';
import { CROP_AND_FLIP, type CropAndFlipOptions } from '../../data/augment';

const KINDS = { none: {}, cropAndFlip: CROP_AND_FLIP };

/** The augmentation of a run: none, or the paper's random crops of a padded image, mirrored or not. */
export type AugmentationConfig = { kind: 'none' } | ({ kind: 'cropAndFlip' } & CropAndFlipOptions);

/** Checks the augmentation of a run. */
export const checkAugmentation: Check<AugmentationConfig> = (path, value, form) =>
  checkKind(path, value, KINDS, form);

/** The augmentation as the trainer takes it. */
export function buildAugmentation(config: AugmentationConfig): Augmentation | undefined {
  if (config.kind === 'none') return undefined;
  const { kind: _, ...options } = config;
  return cropAndFlip(options);
}
