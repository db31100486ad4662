import { CONV_NET, convNet } from './convnet';
import { MLP, mlp } from './mlp';
import { RES_NET, resNet } from './resnet';
import { VIT, vit } from './vit';
import { WIDE_RES_NET, wideResNet } from './wideresnet';

export { type ConvNetOptions, convNet } from './convnet';
export type { Initializer } from './initialize';
export { type MlpOptions, mlp } from './mlp';
export { type ResNetDepth, type ResNetOptions, resNet } from './resnet';
export { type LoadedState, loadStateDict, type StateDict, stateDict } from './stateDict';
export { resizePositions, type VitOptions, vit } from './vit';
export { type WideResNetOptions, wideResNet } from './wideresnet';

/** The networks by the names that configurations call them. */
export const MODELS = {
  mlp: { build: mlp, options: MLP },
  convNet: { build: convNet, options: CONV_NET },
  resNet: { build: resNet, options: RES_NET },
  wideResNet: { build: wideResNet, options: WIDE_RES_NET },
  vit: { build: vit, options: VIT },
} as const;
export { readSafetensors, type TensorFile, TensorFileError, writeSafetensors } from '../files/safetensors';
