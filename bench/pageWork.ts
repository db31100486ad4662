/**
 * What `bench:page` measures, in Node and in a page: a surface around trained weights, and what computes it.
 */
import * as tf from '@tensorflow/tfjs';
import { type Dataset, digits, twoMoons } from 'lookbehind/data';
import { lossSurface, Plane, randomDirection, readFlatWeights, setFlatWeights } from 'lookbehind/landscape';
import { convNet, mlp } from 'lookbehind/models';

/**
 * A small network and the samples of its surface. The 8 x 8 digits come as bytes where there are no files.
 */
export const NETWORKS: Readonly<
  Record<string, { model(): tf.LayersModel; data(bytes: Uint8Array): { train: Dataset; seen: Dataset } }>
> = {
  mlp: {
    model: () => mlp({ inputs: 2, hidden: [32, 32], classes: 2, activation: 'tanh', seed: 1 }),
    data: () => {
      const train = twoMoons({ samples: 400, seed: 1 });
      return { train, seen: train };
    },
  },
  convnet: {
    model: () =>
      convNet({ inputs: [8, 8, 1], filters: [8, 16], hidden: [], classes: 10, batchNorm: true, seed: 1 }),
    data: (bytes) => {
      const { train, selection } = digits(bytes);
      return { train, seen: selection };
    },
  },
};

/** Weights, and BatchNorm's moving averages. */
export type TrainedWeights = { trainable: number[]; others: number[][] };

/** The weights of a model as JSON. */
export async function weightsOf(model: tf.LayersModel): Promise<TrainedWeights> {
  const others = await Promise.all(model.nonTrainableWeights.map((weight) => weight.read().data()));
  return { trainable: [...(await readFlatWeights(model))], others: others.map((values) => [...values]) };
}

/** What was measured. */
export interface Measured {
  device: string;
  pointsPerSecond: number;
  points: number;
  /**
   * The loss at each point, row by row, which is to be the same everywhere; empty where the time did not
   * suffice for all.
   */
  losses: number[];
}

/**
 * A surface of `side` x `side` points on the present backend, for at most `seconds`, after a small one to
 * warm up.
 */
export async function measure(
  network: string,
  { trainable, others }: TrainedWeights,
  bytes: number[],
  { side, seconds }: { side: number; seconds: number },
): Promise<Measured> {
  const { model: make, data } = NETWORKS[network];
  const { seen } = data(Uint8Array.from(bytes));
  const model = make();
  setFlatWeights(model, Float32Array.from(trainable));
  model.nonTrainableWeights.forEach((weight, i) => {
    tf.tidy(() => void weight.write(tf.tensor(others[i], weight.shape as number[])));
  });
  const directions = [1, 2].map((seed) => randomDirection(model, { seed }));
  const plane = new Plane(await readFlatWeights(model), directions[0], directions[1]);
  const surface = async (points: number, limit: number) => {
    const signal = AbortSignal.timeout(1000 * limit);
    return lossSurface(model, seen, { plane, x: { from: -1, to: 1, points }, signal });
  };
  try {
    await surface(9, seconds);
    const { loss, complete, provenance } = await surface(side, seconds);
    const { evaluatedPoints: points, seconds: taken } = provenance;
    const losses = complete ? loss.flat() : [];
    return { device: await deviceName(), pointsPerSecond: points / taken, points, losses };
  } finally {
    model.dispose();
  }
}

/** What a browser tells of the device behind the present backend. */
async function deviceName(): Promise<string> {
  const { navigator } = globalThis as unknown as { navigator?: { hardwareConcurrency: number } };
  const backend = tf.backend() as unknown as {
    device?: unknown;
    adapterInfo?: Record<string, string>;
    gpgpu?: { gl: WebGL };
  };
  if (tf.getBackend() === 'webgpu') {
    const { vendor, architecture, description } = backend.adapterInfo ?? {};
    return [vendor, architecture, description].filter(Boolean).join(' ') || 'a GPU without a name';
  }
  if (tf.getBackend() === 'webgl') {
    const { gl } = backend.gpgpu!;
    const info = gl.getExtension('WEBGL_debug_renderer_info');
    return String(gl.getParameter(info === null ? gl.RENDERER : info.UNMASKED_RENDERER_WEBGL));
  }
  return `one of ${navigator?.hardwareConcurrency} cores`;
}

/** What is used of WebGL's context. */
interface WebGL {
  RENDERER: number;
  getExtension(name: string): { UNMASKED_RENDERER_WEBGL: number } | null;
  getParameter(name: number): unknown;
}
