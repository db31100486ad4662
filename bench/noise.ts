/**
 * Accuracy under weight noise: evaluateUnderNoise against the plain loop over levels and draws that one
 * writes by hand.
 *
 *     npm run -s bench:noise [-- --rounds 5 --levels 8 --draws 10 --networks convnet,mlp]
 *
 * The plain loop (noisePlain.cjs) runs in a process of its own, once as TensorFlow.js comes and once with
 * TensorFlow's oneDNN kernels, which this library switches on. All take turns in each round. Before timing,
 * the plain side must find the same losses at the same noisy weights. `one call` includes compiling; `again`
 * is a NoiseEvaluator that has compiled before, as where many models of one architecture are compared.
 * Processor time says more than time where the machine is busy.
 */
import { parseArgs } from 'node:util';
import type * as tf from '@tensorflow/tfjs';
import { type Dataset, digits, mnist } from 'lookbehind/data';
import * as models from 'lookbehind/models';
import { evaluateUnderNoise, gaussianNoise, NoiseDraw, NoiseEvaluator } from 'lookbehind/robustness';
import { allVariables } from 'lookbehind/train';
import { weightTensors } from '../lib/dist/robustness/tensors';
import { PlainProcess } from './plainProcess';

const NETWORKS: Readonly<Record<string, () => { model: tf.LayersModel; data: Dataset; title: string }>> = {
  convnet: () => ({
    title: 'MNIST ConvNet 16-32 with BatchNorm',
    model: models.convNet({
      inputs: [28, 28, 1],
      filters: [16, 32],
      classes: 10,
      batchNorm: true,
      name: 'convnet',
    }),
    data: mnist().test,
  }),
  mlp: () => {
    const data = digits().test;
    return {
      title: 'digits MLP 64-64-64-10',
      model: models.mlp({ inputs: data.inputShape, hidden: [64, 64], classes: 10, name: 'mlp' }),
      data,
    };
  },
};

const { values: args } = parseArgs({
  options: {
    rounds: { type: 'string', default: '5' },
    levels: { type: 'string', default: '8' },
    draws: { type: 'string', default: '10' },
    networks: { type: 'string', default: Object.keys(NETWORKS).join() },
  },
});
const draws = Number(args.draws);
const sigmas = Array.from({ length: Number(args.levels) }, (_, i) => 0.1 * (i + 1));
const noise = (sigma: number) => gaussianNoise({ sigma });

interface Timing {
  milliseconds: number;
  cpu: number;
}

async function timed(fn: () => Promise<unknown>): Promise<Timing> {
  const started = performance.now();
  const usage = process.cpuUsage();
  await fn();
  const { user, system } = process.cpuUsage(usage);
  return { milliseconds: performance.now() - started, cpu: (user + system) / 1000 };
}

async function bench(name: string): Promise<void> {
  const { model, data, title } = NETWORKS[name]();
  const variables = allVariables(model);
  const tensors = weightTensors(model).filter(({ role }) => role === 'kernel');
  const weights = variables.map((variable) => variable.dataSync() as Float32Array);
  const plain = {
    'plain loop': new PlainProcess('noisePlain.cjs'),
    'plain loop, oneDNN': new PlainProcess('noisePlain.cjs', true),
  };
  const evaluator = new NoiseEvaluator(model, data, { draws });
  const { levels } = await evaluator.evaluate({ noise, levels: sigmas });
  for (const one of Object.values(plain)) {
    await one.ask({
      topology: { modelTopology: JSON.parse(model.toJSON() as string) },
      weights,
      shapes: variables.map(({ shape }) => shape),
      kernels: tensors.map(({ variable }) => variables.indexOf(variable)),
      inputs: data.values(),
      inputShape: data.inputShape,
      labels: data.labels,
    });
    for (const [i, sigma] of sigmas.entries()) {
      const noisy = [...weights];
      for (const { variable, ...tensor } of tensors) {
        const index = variables.indexOf(variable);
        noisy[index] = noise(sigma).apply(weights[index], new NoiseDraw(0, 0).site(tensor)).values;
      }
      const { loss } = await one.ask<{ loss: number }>({ weights: noisy });
      const ours = levels[i].loss.values[0];
      if (Math.abs(loss - ours) > 1e-4 * Math.max(1, loss))
        throw new Error(`${title}: loss ${ours}, but ${loss} in the plain loop.`);
    }
    await one.ask({ weights });
  }

  const ways: Record<string, () => Promise<Timing>> = {
    'plain loop': () => plain['plain loop'].ask({ sigmas, draws }),
    'plain loop, oneDNN': () => plain['plain loop, oneDNN'].ask({ sigmas, draws }),
    'one call': () => timed(() => evaluateUnderNoise(model, data, { noise, levels: sigmas, draws })),
    again: () => timed(() => evaluator.evaluate({ noise, levels: sigmas })),
  };
  const timings: Record<string, Timing[]> = {};
  for (let round = 0; round < Number(args.rounds); round++) {
    for (const [way, run] of Object.entries(ways)) {
      timings[way] ??= [];
      timings[way].push(await run());
    }
  }
  console.log(
    `\n${title}: ${sigmas.length} levels x ${draws} draws on ${data.size} images, medians of ` +
      `${args.rounds} paired rounds`,
  );
  console.log(
    `  ${'way'.padEnd(20)}${'time'.padStart(10)}${'CPU'.padStart(10)}   faster than plain loop (CPU)  ` +
      ' than with oneDNN (CPU)',
  );
  for (const [way, list] of Object.entries(timings)) {
    const ratio = (base: string, of: keyof Timing): string =>
      median(list.map((timing, round) => timings[base][round][of] / timing[of])).toFixed(1);
    const columns = ['plain loop', 'plain loop, oneDNN'].map(
      (base) => `${ratio(base, 'milliseconds')} (${ratio(base, 'cpu')})`,
    );
    const [time, cpu] = (['milliseconds', 'cpu'] as const).map((of) =>
      `${median(list.map((timing) => timing[of])).toFixed(0)} ms`.padStart(10),
    );
    console.log(`  ${way.padEnd(20)}${time}${cpu}   ${columns[0].padEnd(28)}   ${columns[1]}`);
  }
  for (const one of Object.values(plain)) one.stop();
  evaluator.dispose();
  model.dispose();
}

function median(values: number[]): number {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)];
}

async function main(): Promise<void> {
  for (const name of (args.networks as string).split(',')) await bench(name);
}

void main();
