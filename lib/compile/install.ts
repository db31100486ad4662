/**
 * What `lookbehind/compile`, and each room that builds on it, changes of stock tf.js when it is loaded. This
 * is all of it.
 *
 * Methods, also by `lookbehind` alone: they do what they did, and let the library's own steps know of it
 *   - BatchNormalization.call: how often a pass of a step moves the statistics              core/batchNorm.ts
 *   - Model.compile: which model an optimizer trains                              optimizers/compiledModel.ts
 *   - Model.makeTrainFunction: no metrics in the later passes of a step                 optimizers/metrics.ts
 *   - Variable.assign: what a step writes                                                optimizers/writes.ts
 *
 * The process
 *   - @tensorflow/tfjs-node-gpu, else @tensorflow/tfjs-node is loaded if it is installed, and becomes the
 *     backend                                                                                       native.ts
 *   - TF_CPP_MIN_LOG_LEVEL = 3, TF_FORCE_GPU_ALLOW_GROWTH = true, TF_ENABLE_ONEDNN_OPTS = 1, where not set
 *                                                                                                   native.ts
 *   - node:util gets back isNullOrUndefined and isArray, which tfjs-node calls and newer Nodes lack
 *                                                                                                   native.ts
 *
 * Kernels of the native backend: same results, faster or in a form that a graph can hold
 *   - Add of a bias, Sum along all but the last axis: BiasAdd, BiasAddGrad                    kernels/bias.ts
 *   - BatchMatMul and _FusedMatMul of one matrix: MatMul                                   kernels/product.ts
 *   - Conv2D, FusedConv2D, Conv2DBackpropFilter, Conv2DBackpropInput with explicit padding: an op pads, then
 *     'valid'                                                                          kernels/convolution.ts
 *   - Conv2DBackpropFilter of 1 x 1 with stride: right also where oneDNN is wrong      kernels/convolution.ts
 *   - MaxPoolGrad where windows do not overlap: slices compared                            kernels/pooling.ts
 *   - GatherV2 while a function is traced: indices are not read                             kernels/gather.ts
 *   - Mean of numbers that are not float32: named as float32                                  kernels/mean.ts
 * Kernels of the wasm backend
 *   - Conv2DBackpropFilter: stock has none                                                    kernels/wasm.ts
 *
 * Layers, on the native backend
 *   - BatchNormalization in training mode over the last axis: fused kernel and gradient  kernels/batchNorm.ts
 *   - LayerNormalization over the last axis: gradient in closed form                     kernels/layerNorm.ts
 *
 * Gradients, on every backend: same first derivative, but for Max and Min; the second one is right where
 * stock is silently wrong
 *   - Exp, Tanh, Sigmoid, Softmax, Elu, Pow                                            kernels/activations.ts
 *   - Max, Min: equal extremes share the gradient; stock gives the whole of it to each    kernels/extremes.ts
 *   - Conv2DBackpropFilter, MaxPoolGrad, AvgPoolGrad: stock has none
 *                                                                  kernels/convolution.ts, kernels/pooling.ts
 *   - Equal, NotEqual, Greater, GreaterEqual, Less, LessEqual, LogicalAnd, LogicalOr, LogicalNot, IsNan,
 *     IsInf, IsFinite: zero, stock has none                                            kernels/comparisons.ts
 *   - tf.customGrad: the derivative of a gradient that saved computed values is an error, not a wrong number
 *                                                                                  kernels/customGradients.ts
 * Gradients, on the native backend
 *   - Relu, Relu6: native ops                                                          kernels/activations.ts
 *
 * For a time, or on request
 *   - while a function is recorded: Layer.apply, Optimizer.incrementIterations, Variable.assign and dispose,
 *     and the methods of the engine and of the native backend by which tensors come and go             graph/
 *   - accelerate(model): methods of that one model                                              accelerate.ts
 *   - lookbehind/notebook in a notebook's kernel: ProgbarLogger.onTrainBegin of the native package, one bar
 *     for fit in place of a line for each batch                                       notebook/fitProgress.ts
 *
 * Kernels with names that begin with "Lookbehind" are new.
 */
import './native';
import './kernels/activations';
import './kernels/batchNorm';
import './kernels/bias';
import './kernels/comparisons';
import './kernels/convolution';
import './kernels/customGradients';
import './kernels/extremes';
import './kernels/gather';
import './kernels/layerNorm';
import './kernels/mean';
import './kernels/pooling';
import './kernels/product';
import './kernels/wasm';
