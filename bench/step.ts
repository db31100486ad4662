/**
 * Time of one Lookbehind-SAM outer step on synthetic data (momentum .9, weight decay 5e-4), as one JSON line.
 *
 *   npm run -s bench:step -- --model mlp --batch 128 --k 5 --rounds 20
 */
import { parseArgs } from 'node:util';

const USAGE = `Usage: npm run -s bench:step -- [options]
  --model NAME   mlp, convnet, resnet20 or resnet34 (default mlp)
  --batch N      samples per batch (default 128)
  --k K          steps back per step forward (default 5)
  --rounds R     timed steps (default 20)
  --alpha A      interpolation factor, or adaptive (default 0.5)
  --eager        runs tf.js op by op, without compiling
  --no-reuse     takes 2k gradients, as the official code, in place of k + 1
  --threads T    threads of TensorFlow (default: all cores)`;

const { values } = parseArgs({
  options: {
    model: { type: 'string', default: 'mlp' },
    batch: { type: 'string', default: '128' },
    k: { type: 'string', default: '5' },
    rounds: { type: 'string', default: '20' },
    alpha: { type: 'string', default: '0.5' },
    eager: { type: 'boolean', default: false },
    'no-reuse': { type: 'boolean', default: false },
    threads: { type: 'string' },
    help: { type: 'boolean', default: false },
  },
});

if (values.help) {
  console.log(USAGE);
  process.exit(0);
}
// TensorFlow reads these when it is loaded, which the import below does.
if (values.threads !== undefined) {
  process.env.TF_NUM_INTRAOP_THREADS = values.threads;
  process.env.TF_NUM_INTEROP_THREADS = values.threads;
  process.env.OMP_NUM_THREADS = values.threads;
}

async function main(): Promise<void> {
  const { measureStep } = await import('./measure.js');
  const result = measureStep({
    model: values.model,
    batch: Number(values.batch),
    k: Number(values.k),
    rounds: Number(values.rounds),
    alpha: values.alpha === 'adaptive' ? 'adaptive' : Number(values.alpha),
    eager: values.eager,
    reuse: !values['no-reuse'],
  });
  console.log(JSON.stringify(result));
}

main().catch((error: Error) => {
  console.error(error.message.startsWith('--') ? `${error.message}\n\n${USAGE}` : error);
  process.exitCode = 1;
});
