/**
 * Convolutions: explicit padding on the fast kernels, the missing second derivative, and a filter gradient
 * that TensorFlow gets wrong.
 *
 * TensorFlow's oneDNN kernels know 'same' and 'valid' padding only; with explicit numbers its gradients take
 * up to 10 times as long. So the input is padded by an op of its own, and the convolution itself is 'valid':
 *
 *   conv(x, filter, pad)         = conv(padded x, filter, valid)
 *   backprop filter(x, dy, pad)  = backprop filter(padded x, dy, valid)
 *   backprop input(dy, pad)      = the part of backprop input(dy, valid) that is no padding
 *
 * A convolution is bilinear in x and filter, so every derivative of a derivative is one of the three again.
 */
import * as tf from '../../core/tf';
import {
  type KernelAttributes,
  type KernelInputs,
  type NativeKernel,
  registerGradient,
  replaceNativeKernel,
} from './register';

type ConvInfo = ReturnType<typeof tf.backend_util.computeConv2DInfo>;

interface ConvAttributes {
  strides: number | [number, number];
  pad: 'valid' | 'same' | number | [[number, number], [number, number], [number, number], [number, number]];
  dataFormat: 'NHWC' | 'NCHW';
  dilations?: number | [number, number];
  dimRoundingMode?: 'floor' | 'round' | 'ceil';
}

type Shape4D = [number, number, number, number];

/**
 * The filter gradient of 1 x 1 convolutions with stride, as in the shortcuts of ResNets. TensorFlow's oneDNN
 * kernel gets it wrong (seen in 2.21) for many numbers of channels that are no multiples of 8, where rows or
 * columns at the end are left over by the stride: it reads numbers that are not there. So the pixels that the
 * stride steps on are taken out first, which is exact.
 */
replaceNativeKernel('Conv2DBackpropFilter', (stock) => (inputs, attributes) => {
  const { x, dy } = inputs;
  const { strides, dataFormat } = attributes as unknown as ConvAttributes;
  const { filterShape } = attributes as { filterShape: Shape4D };
  const [down, right] = typeof strides === 'number' ? [strides, strides] : strides;
  const isPointwise = filterShape[0] === 1 && filterShape[1] === 1;
  if (!isPointwise || (down === 1 && right === 1) || dataFormat !== 'NHWC') return stock(inputs, attributes);
  return tf.tidy(() => {
    return stock(
      { x: steppedOn(x as tf.Tensor4D, down, right), dy },
      { ...attributes, strides: [1, 1], pad: 'valid', dimRoundingMode: undefined },
    ) as tf.Tensor;
  });
});

/**
 * Each pixel that a stride steps on. Where it goes evenly into the image, that is the first of each group of
 * pixels, which is copied six times as fast as by StridedSlice.
 */
function steppedOn(x: tf.Tensor4D, down: number, right: number): tf.Tensor4D {
  const [batch, height, width, channels] = x.shape;
  if (height % down !== 0 || width % right !== 0)
    return tf.stridedSlice(x, [0, 0, 0, 0], x.shape, [1, down, right, 1]) as tf.Tensor4D;
  const [rows, columns] = [height / down, width / right];
  const groups = tf.reshape(x, [batch, rows, down, columns, right * channels]);
  return tf.reshape(tf.slice(groups, [0, 0, 0, 0, 0], [batch, rows, 1, columns, channels]), [
    batch,
    rows,
    columns,
    channels,
  ]);
}

/**
 * Replaces a stock kernel by `kernel` where the padding is explicit numbers that the fast kernels do not
 * know.
 */
function padExplicitly(
  name: string,
  shapesOf: (inputs: KernelInputs, attributes: KernelAttributes) => { input: Shape4D; filter: Shape4D },
  kernel: (
    stock: NativeKernel,
    inputs: KernelInputs,
    attributes: KernelAttributes,
    paddings: [number, number][],
    input: Shape4D,
  ) => tf.Tensor,
): void {
  replaceNativeKernel(name, (stock) => (inputs, attributes) => {
    if (typeof attributes.pad === 'string') return stock(inputs, attributes);
    const { input, filter } = shapesOf(inputs, attributes);
    const info = infoOf(input, filter, attributes);
    if (info.padInfo.type !== 'EXPLICIT' && info.padInfo.type !== 'NUMBER') return stock(inputs, attributes);
    const valid = { ...attributes, pad: 'valid', dimRoundingMode: undefined };
    return tf.tidy(() => kernel(stock, inputs, valid, paddingsOf(info), input));
  });
}

padExplicitly(
  'Conv2D',
  ({ x, filter }) => ({ input: x.shape as Shape4D, filter: filter.shape as Shape4D }),
  (stock, { x, filter }, attributes, paddings) =>
    stock({ x: tf.pad(x, paddings), filter }, attributes) as tf.Tensor,
);

padExplicitly(
  'FusedConv2D',
  ({ x, filter }) => ({ input: x.shape as Shape4D, filter: filter.shape as Shape4D }),
  (stock, inputs, attributes, paddings) =>
    stock({ ...inputs, x: tf.pad(inputs.x, paddings) }, attributes) as tf.Tensor,
);

padExplicitly(
  'Conv2DBackpropFilter',
  ({ x }, { filterShape }) => ({ input: x.shape as Shape4D, filter: filterShape as Shape4D }),
  (stock, { x, dy }, attributes, paddings) => stock({ x: tf.pad(x, paddings), dy }, attributes) as tf.Tensor,
);

padExplicitly(
  'Conv2DBackpropInput',
  ({ filter }, { inputShape }) => ({ input: inputShape as Shape4D, filter: filter.shape as Shape4D }),
  (stock, inputs, attributes, paddings, input) => {
    const padded = input.map((size, i) => size + paddings[i][0] + paddings[i][1]);
    const dx = stock(inputs, { ...attributes, inputShape: padded }) as tf.Tensor;
    return tf.slice(
      dx,
      paddings.map(([before]) => before),
      input,
    );
  },
);

// Stock tf.js has no gradient of this one.
registerGradient('Conv2DBackpropFilter', {
  inputsToSave: ['x', 'dy'],
  gradFunc: (ddFilter, saved, attributes) => {
    const [x, dy] = saved as tf.Tensor4D[];
    const direction = ddFilter as tf.Tensor4D;
    const { strides, pad, dataFormat, dimRoundingMode } = attributes as unknown as ConvAttributes;
    return {
      x: () =>
        tf.engine().runKernel('Conv2DBackpropInput', { dy, filter: direction }, {
          strides,
          pad,
          dataFormat,
          dimRoundingMode,
          inputShape: x.shape,
        } as unknown as tf.NamedAttrMap) as tf.Tensor,
      dy: () => tf.conv2d(x, direction, strides, pad as number, dataFormat, 1, dimRoundingMode),
    };
  },
});

/** What the attributes of a convolution amount to. */
export function infoOf(input: Shape4D, filter: Shape4D, attributes: KernelAttributes): ConvInfo {
  const {
    strides,
    pad,
    dataFormat,
    dilations = 1,
    dimRoundingMode,
  } = attributes as unknown as ConvAttributes;
  const format = tf.backend_util.convertConv2DDataFormat(dataFormat);
  return tf.backend_util.computeConv2DInfo(
    input,
    filter,
    strides,
    dilations,
    pad,
    dimRoundingMode,
    false,
    format,
  );
}

/** The zeros around the images, for `tf.pad`. */
export function paddingsOf({
  padInfo: { top, bottom, left, right },
  dataFormat,
}: ConvInfo): [number, number][] {
  const sides: [number, number][] = [
    [top, bottom],
    [left, right],
  ];
  return dataFormat === 'channelsLast' ? [[0, 0], ...sides, [0, 0]] : [[0, 0], [0, 0], ...sides];
}
