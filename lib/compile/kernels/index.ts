/**
 * Native kernels and gradients that replace the stock ones when the runtime is imported.
 */
import './activations';
import './bias';
import './comparisons';
import './convolution';
import './extremes';
import './gather';
import './layerNorm';
import './mean';
import './pooling';
import './product';

export { SecondDerivativeError } from './customGradients';
