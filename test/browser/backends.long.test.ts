/** All works on each backend of TensorFlow.js, those that draw in software included. */
import { testBackends, worksNamed } from './backendMatrix';

testBackends(() => worksNamed(''));
