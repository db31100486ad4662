/**
 * The filter gradient of convolutions on the wasm backend, which has none, so that ConvNets are
 * trained there, too.
 *
 *     dW[a, b, c, d] = sum over n, i, j of x[n, s i + a, s j + b, c] dy[n, i, j, d]           x padded
 *
 * is itself a convolution: of x, with its channels as samples, with dy, whose pixels are s apart.
 */
import * as tf from '../../core/tf';
import { infoOf, paddingsOf } from './convolution';
import { registerKernelOf } from './register';

registerKernelOf('wasm', 'Conv2DBackpropFilter', ({ x, dy }, attributes) => {
  const filterShape = attributes.filterShape as [number, number, number, number];
  const info = infoOf(x.shape as typeof filterShape, filterShape, attributes);
  if (info.dataFormat !== 'channelsLast')
    throw new Error('Convolutions of the format NCHW cannot be trained on wasm.');
  const [height, width, channels, filters] = filterShape;
  return tf.tidy(() => {
    const images = tf.transpose(tf.pad(x, paddingsOf(info)), [3, 1, 2, 0]) as tf.Tensor4D;
    const kernel = tf.transpose(dy, [1, 2, 0, 3]) as tf.Tensor4D;
    const apart: [number, number] = [info.strideHeight, info.strideWidth];
    const all = tf.conv2d(images, kernel, 1, 'valid', 'NHWC', apart);
    // Where the stride leaves pixels at the end over, there are more places than the filter has.
    return tf.transpose(tf.slice(all, 0, [channels, height, width, filters]), [1, 2, 0, 3]);
  });
});
