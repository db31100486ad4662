export { type ConvNetOptions, convNet } from './convnet';
export { type Initializer, initialize } from './initialize';
export type { Activation, ModelOptions } from './layers';
export { type MlpOptions, mlp } from './mlp';
export { type ResNetDepth, type ResNetOptions, resNet } from './resnet';
