/**
 * Builds the model of a golden file: the 2-parameter functions from tf operations, networks as stock
 * tf.layers models.
 */
import * as tf from '@tensorflow/tfjs';
import { crossEntropy } from '../../lib/dist/compile/losses';
import { setBatchNormConvention } from '../../lib/dist/core/batchNorm';
import type { GoldenBuffer, GoldenLayer, GoldenModel, GoldenParameter } from './golden';

export interface ReplayModel {
  /** Trained variables, in the order of `parameters`. */
  variables: tf.Variable[];
  /** Running statistics, in the order of `buffers`. */
  buffers: tf.Variable[];
  /** The loss at the present weights, in training mode, on the samples `rows` (int32). */
  loss(rows: tf.Tensor1D | undefined): tf.Scalar;
  /** Loss and accuracy over all samples in evaluation mode. */
  evaluate(): { loss: number; accuracy?: number };
  /** The network, where there is one. */
  network?: tf.LayersModel;
  dispose(): void;
}

export interface GoldenSetting {
  model: GoldenModel;
  parameters: GoldenParameter[];
  buffers: GoldenBuffer[];
  data: { count: number; inputs: number[]; labels: number[] } | null;
}

export function buildModel(golden: GoldenSetting): ReplayModel {
  switch (golden.model.kind) {
    case 'rosenbrock':
      return analytic(golden, rosenbrock(golden.model));
    case 'quadratic':
      return analytic(golden, quadratic(golden.model));
    case 'sequential':
      return sequential(golden);
    default:
      throw new Error(`a model of kind "${golden.model.kind}" is not known`);
  }
}

function analytic(
  { parameters }: GoldenSetting,
  formula: (variables: tf.Variable[]) => tf.Scalar,
): ReplayModel {
  const variables = parameters.map(({ shape, values }) =>
    tf.tidy(() => tf.variable(tf.tensor(values, shape))),
  );
  const loss = (): tf.Scalar => formula(variables);
  return {
    variables,
    buffers: [],
    loss,
    evaluate: () => ({ loss: tf.tidy(() => loss().dataSync()[0]) }),
    dispose: () => tf.dispose(variables),
  };
}

function rosenbrock({ a, b }: GoldenModel): (variables: tf.Variable[]) => tf.Scalar {
  return ([x, y]) =>
    tf.tidy(
      () =>
        tf.sum(
          tf.add(tf.square(tf.sub(a!, x)), tf.mul(tf.square(tf.sub(y, tf.square(x))), b as number)),
        ) as tf.Scalar,
    );
}

function quadratic({ A, b, flat }: GoldenModel): (variables: tf.Variable[]) => tf.Scalar {
  return ([w, z]) =>
    tf.tidy(() => {
      const column = tf.reshape(w, [-1, 1]);
      const curved = tf.mul(tf.sum(tf.mul(column, tf.matMul(tf.tensor2d(A!), column as tf.Tensor2D))), 0.5);
      const tilted = tf.sub(curved, tf.sum(tf.mul(tf.tensor1d(b as number[]), w)));
      return (z === undefined ? tilted : tf.add(tilted, tf.mul(tf.sum(z), flat!))) as tf.Scalar;
    });
}

function sequential({ model, parameters, buffers, data }: GoldenSetting): ReplayModel {
  const network = tf.sequential();
  const named = new Map<string, tf.layers.Layer>();
  for (const spec of model.layers!) {
    for (const layer of layersOf(spec)) {
      if (network.layers.length === 0) network.add(tf.layers.inputLayer({ inputShape: model.inputShape! }));
      network.add(layer);
      if (spec.name !== undefined) named.set(spec.name, layer);
    }
  }
  setBatchNormConvention(network, 'pytorch');
  const find = (path: string): tf.Variable => {
    const [layerName, weightName] = path.split('/');
    const index = weightIndex(named.get(layerName)!, weightName);
    return (named.get(layerName)!.weights[index] as unknown as { val: tf.Variable }).val;
  };
  const set = ({ name, shape, values }: GoldenParameter | GoldenBuffer): tf.Variable => {
    const variable = find(name);
    tf.tidy(() => variable.assign(tf.tensor(values, shape)));
    return variable;
  };
  const trained = parameters.map(set);
  const statistics = buffers.map(set);
  const inputs = tf.tensor(data!.inputs, [data!.count, ...model.inputShape!]);
  const labels = tf.tensor1d(data!.labels, 'int32');
  return {
    network,
    variables: trained,
    buffers: statistics,
    loss: (rows) =>
      tf.tidy(() => {
        const logits = network.apply(tf.gather(inputs, rows!), { training: true }) as tf.Tensor2D;
        return crossEntropy(tf.gather(labels, rows!), logits);
      }),
    evaluate: () =>
      tf.tidy(() => {
        const logits = network.apply(inputs, { training: false }) as tf.Tensor2D;
        const right = tf.equal(tf.argMax(logits, 1), labels);
        return {
          loss: crossEntropy(labels, logits).dataSync()[0],
          accuracy: tf.sum(right).dataSync()[0] / data!.count,
        };
      }),
    dispose: () => {
      network.dispose();
      tf.dispose([inputs, labels]);
    },
  };
}

const WEIGHT_NAMES: Record<string, string> = { movingMean: 'moving_mean', movingVariance: 'moving_variance' };

function weightIndex(layer: tf.layers.Layer, name: string): number {
  const wanted = WEIGHT_NAMES[name] ?? name;
  const index = layer.weights.findIndex(({ originalName }) => originalName.split('/').at(-1) === wanted);
  if (index < 0) throw new Error(`layer ${layer.name} has no weight "${name}"`);
  return index;
}

function layersOf(spec: GoldenLayer): tf.layers.Layer[] {
  switch (spec.type) {
    case 'dense':
      return [tf.layers.dense({ units: spec.units!, useBias: spec.useBias })];
    case 'conv2d': {
      const { filters, kernelSize, strides, useBias, padding } = spec;
      const convolution = tf.layers.conv2d({
        filters: filters!,
        kernelSize: kernelSize!,
        strides,
        useBias,
        padding: 'valid',
      });
      return padding!.flat().every((n) => n === 0)
        ? [convolution]
        : [tf.layers.zeroPadding2d({ padding }), convolution];
    }
    case 'batchNorm':
      return [tf.layers.batchNormalization({ epsilon: spec.epsilon, momentum: 1 - spec.momentum! })];
    case 'activation':
      return [tf.layers.activation({ activation: spec.fn! })];
    case 'globalAveragePool':
      return [tf.layers.globalAveragePooling2d({})];
    case 'flatten':
      return [tf.layers.flatten()];
    default:
      throw new Error(`a layer of type "${spec.type}" is not known`);
  }
}
