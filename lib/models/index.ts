export { ClassToken, FirstToken, PositionEmbedding, SelfAttention } from './attention';
export { type ConvNetOptions, convNet } from './convnet';
export { type Initializer, initialize, initializeTransformer } from './initialize';
export type { Activation, ModelOptions } from './layers';
export { type MlpOptions, mlp } from './mlp';
export { type ResNetDepth, type ResNetOptions, resNet } from './resnet';
export {
  type LoadedState,
  type LoadStateDictOptions,
  loadStateDict,
  type StateDict,
  type StateDictOptions,
  stateDict,
} from './stateDict';
export { resizePositions, type VitOptions, vit } from './vit';
export { type WideResNetOptions, wideResNet } from './wideresnet';
