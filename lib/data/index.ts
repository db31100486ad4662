export { type Augmentation, type CropAndFlipOptions, cropAndFlip } from './augment';
export {
  CIFAR10_STATISTICS,
  CIFAR100_STATISTICS,
  type Cifar,
  type Cifar100Options,
  type CifarOptions,
  cifar10,
  cifar100,
} from './cifar';
export {
  type Batch,
  type BatchOptions,
  type ChoiceOptions,
  Dataset,
  type DatasetFields,
  type PartitionOptions,
  type Statistics,
} from './dataset';
export { type Digits, digits } from './digits';
export { type DownloadOptions, type DownloadProgress, downloadsFolder } from './download';
export { dataFolder } from './files';
export { fashionMnist, fullMnist, type IdxArray, type IdxOptions, kmnist, readIdx, type TrainTest } from './idx';
export { type Mnist, mnist } from './mnist';
export { type Mnist1d, mnist1d } from './mnist1d';
export {
  type DecodingProgress,
  TINY_IMAGENET_STATISTICS,
  type TinyImageNet,
  type TinyImageNetOptions,
  tinyImageNet,
} from './tinyImageNet';
export {
  type QuadraticOptions,
  quadratic,
  type RosenbrockOptions,
  rosenbrock,
  type SpiralsOptions,
  spirals,
  type ToyLoss,
  type ToyMinimum,
  type TwoMoonsOptions,
  twoMinima,
  twoMoons,
} from './toy';
