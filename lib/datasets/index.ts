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
export { dataFolder } from './files';
export { type Mnist, mnist } from './mnist';
export { type Mnist1d, mnist1d } from './mnist1d';
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
