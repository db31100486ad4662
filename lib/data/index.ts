/** Data sets: shipped, downloaded and computed ones, and the class that holds them. */
export { type Augmentation, cropAndFlip } from './augment';
export { CIFAR10_STATISTICS, CIFAR100_STATISTICS, type Cifar, cifar10, cifar100 } from './cifar';
export { type Batch, Dataset, type SampleChange, type Statistics } from './dataset';
export { type Digits, digits } from './digits';
export type { DownloadProgress } from './download';
export { fashionMnist, fullMnist, type IdxArray, kmnist, readIdx, type TrainTest } from './idx';
export { type Mnist, mnist } from './mnist';
export { type Mnist1d, mnist1d } from './mnist1d';
export {
  type DecodingProgress,
  TINY_IMAGENET_STATISTICS,
  type TinyImageNet,
  tinyImageNet,
} from './tinyImageNet';
export { quadratic, rosenbrock, spirals, type ToyLoss, twoMinima, twoMoons } from './toy';
