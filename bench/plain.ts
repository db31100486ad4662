/**
 * One Lookbehind-SAM outer step here and in stock TensorFlow.js (stepPlain.cjs), step by step in turn, each
 * in a process of its own.
 *
 *   npm run -s bench:plain -- --model convnet
 *
 * Both begin at the same weights and see the same batch, and the losses of the first steps must agree.
 */
import { parseArgs } from 'node:util';
import { PlainProcess } from './plainProcess';
import {
  alphaOf,
  defaultBatch,
  oneOf,
  positive,
  report,
  SETTING_OPTIONS,
  SETTING_USAGE,
  setThreads,
  UsageError,
} from './settings';

const USAGE = `Usage: npm run -s bench:plain -- [options]
  --model NAME   mlp, convnet, resnet20 or resnet34 (default: mlp and convnet, one line each)
${SETTING_USAGE}`;

/** Steps whose losses are compared, and warm both sides up. */
const COMPARED = 3;

interface Cost {
  ms: number;
  /** Of all threads together. Says more than the time where other programs run beside. */
  processorMs: number;
  loss: number;
}

async function compare(model: string, values: Record<string, unknown>): Promise<void> {
  const { median, prepareStep, round } = await import('./measure.js');
  const batch = positive('batch', String(values.batch ?? defaultBatch(model)));
  const k = positive('k', String(values.k));
  const alpha = alphaOf(String(values.alpha));
  if (alpha === 'adaptive')
    throw new UsageError('--alpha adaptive is not written in the stock program; give a number.');
  const ours = prepareStep({ model, batch, k, alpha, eager: false, reuse: true, warm: false });
  const plain = new PlainProcess('stepPlain.cjs');
  try {
    await plain.ask({ ...ours.setUp(), k, alpha });
    const here = (): Cost => {
      const before = process.cpuUsage();
      const { ms, loss } = ours.step();
      const { user, system } = process.cpuUsage(before);
      return { ms, processorMs: (user + system) / 1000, loss };
    };
    for (let i = 0; i < COMPARED; i++) {
      const [a, b] = [here(), await plain.ask<Cost>({})];
      if (!(Math.abs(a.loss - b.loss) <= 1e-3 * Math.abs(b.loss))) {
        throw new Error(`${model}: loss ${a.loss} in step ${i + 1}, but ${b.loss} in stock TensorFlow.js.`);
      }
    }
    const rounds: { ours: Cost; plain: Cost }[] = [];
    for (let i = 0; i < positive('rounds', String(values.rounds)); i++)
      rounds.push({ ours: here(), plain: await plain.ask<Cost>({}) });
    const middle = (of: (one: (typeof rounds)[number]) => number) => round(median(rounds.map(of)));
    const all = (what: 'ms' | 'processorMs') => ({
      ours: middle((one) => one.ours[what]),
      plain: middle((one) => one.plain[what]),
      times: middle((one) => one.plain[what] / one.ours[what]),
    });
    console.log(JSON.stringify({ model, batch, k, ms: all('ms'), processorMs: all('processorMs') }));
  } finally {
    plain.stop();
  }
}

async function main(): Promise<void> {
  const { values } = parseArgs({ options: { model: { type: 'string' }, ...SETTING_OPTIONS } });
  if (values.help) {
    console.log(USAGE);
    return;
  }
  setThreads(values.threads);
  const { MODEL_NAMES } = await import('./measure.js');
  const models =
    values.model === undefined ? ['mlp', 'convnet'] : [oneOf('model', values.model, MODEL_NAMES)];
  for (const model of models) await compare(model, values);
}

main().catch((error: unknown) => report(error, USAGE));
