/**
 * The augmentation of a run, as JSON, and how it is made.
 */
import { type Augmentation, type CropAndFlipOptions, cropAndFlip } from '../../data';
import { type Check, checkFields, checkKind, type Fields, flag, number } from './schema';

/** The augmentation of a run: none, or the paper's random crops of a padded image, mirrored or not. */
export type AugmentationConfig = { kind: 'none' } | ({ kind: 'cropAndFlip' } & CropAndFlipOptions);

const CROP_AND_FLIP: Fields<CropAndFlipOptions> = { padding: number({ min: 0, integer: true }, 4), flip: flag(true) };

const KINDS: { readonly [K in AugmentationConfig['kind']]: Check<object> } = {
  none: (path, value, form) => checkFields(path, value, {}, form),
  cropAndFlip: (path, value, form) => checkFields(path, value, CROP_AND_FLIP, form),
};

/** Checks the augmentation of a run. */
export const checkAugmentation: Check<AugmentationConfig> = (path, value, form) => checkKind(path, value, KINDS, form);

/** The augmentation as the trainer takes it. */
export function buildAugmentation(config: AugmentationConfig): Augmentation | undefined {
  if (config.kind === 'none') return undefined;
  const { kind: _, ...options } = config;
  return cropAndFlip(options);
}
