/** Each backend of TensorFlow.js; on those that draw in software (SwiftShader), what stands for the rest. */
import { testBackends, worksNamed } from './backendMatrix';

const SLOW = ['webgl', 'webgpu'];

testBackends((backend) =>
  SLOW.includes(backend)
    ? worksNamed(
        'train sgd',
        'train lookbehindSAM k=2 alpha=adaptive',
        'train a ConvNet',
        'evaluate',
        'sharpness',
      )
    : worksNamed(''),
);
