/** Data sets and networks as readers call them. */
import { DATA_SETS, type DataConfig } from './dataConfig';
import type { ModelConfig } from './modelConfig';

/** The name of a data set, with its size where that is not the published one: `CIFAR-10, 512 images`. */
export function dataName({ kind, trainSize }: DataConfig): string {
  const name = DATA_SETS[kind].title ?? kind;
  return trainSize === undefined ? name : `${name}, ${trainSize.toLocaleString('en')} images`;
}

/** The name of a network: `ResNet-34`, `WRN-28-10`; with its width where that is not the published one. */
export function modelName(model: ModelConfig): string {
  const width = 'width' in model && model.width !== undefined ? `, width ${model.width}` : '';
  switch (model.kind) {
    case 'resNet':
      return `ResNet-${model.depth}${width}`;
    case 'wideResNet':
      return `WRN-${model.depth ?? 28}-${model.widen ?? 10}${width}`;
    default:
      return model.kind;
  }
}
