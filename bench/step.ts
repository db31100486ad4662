/**
 * Time of one Lookbehind-SAM outer step on synthetic data (momentum .9, weight decay 5e-4), as one JSON line.
 *
 *   npm run -s bench:step -- --model mlp --batch 128 --k 5 --rounds 20
 */
import { parseArgs } from 'node:util';
import {
  alphaOf,
  defaultBatch,
  oneOf,
  positive,
  report,
  SETTING_OPTIONS,
  SETTING_USAGE,
  setThreads,
} from './settings';

const USAGE = `Usage: npm run -s bench:step -- [options]
  --model NAME   mlp, convnet, resnet20 or resnet34 (default mlp)
${SETTING_USAGE}
  --eager        runs tf.js op by op, without compiling
  --no-reuse     takes 2k gradients, as the official code, in place of k + 1`;

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      model: { type: 'string', default: 'mlp' },
      ...SETTING_OPTIONS,
      eager: { type: 'boolean', default: false },
      'no-reuse': { type: 'boolean', default: false },
    },
  });
  if (values.help) {
    console.log(USAGE);
    return;
  }
  setThreads(values.threads);
  const { MODEL_NAMES, measureStep } = await import('./measure.js');
  const model = oneOf('model', values.model, MODEL_NAMES);
  const setting = {
    model,
    batch: positive('batch', values.batch ?? defaultBatch(model)),
    k: positive('k', values.k),
    alpha: alphaOf(values.alpha),
    eager: values.eager,
    reuse: !values['no-reuse'],
  };
  console.log(JSON.stringify(measureStep(setting, positive('rounds', values.rounds))));
}

main().catch((error: unknown) => report(error, USAGE));
