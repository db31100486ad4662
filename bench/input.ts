/**
 * Processor time of the input pipeline (crop, flip, standardize, tensor) for a batch of CIFAR, beside that of
 * one SGD step of ResNet-20 on it, as one JSON line. SGD is the cheapest step: one gradient.
 *
 *   npm run -s bench:input -- --batch 128 --rounds 100
 */
import { parseArgs } from 'node:util';
import { positive, report, setThreads } from './settings';

const USAGE = `Usage: npm run -s bench:input -- [options]
  --batch N      images per batch (default 128)
  --rounds R     timed batches (default 100); a tenth as many steps are timed
  --threads T    threads of TensorFlow (default: all cores)`;

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      batch: { type: 'string', default: '128' },
      rounds: { type: 'string', default: '100' },
      threads: { type: 'string' },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) {
    console.log(USAGE);
    return;
  }
  setThreads(values.threads);
  const { measureInput } = await import('./measureInput.js');
  console.log(
    JSON.stringify(measureInput(positive('batch', values.batch), positive('rounds', values.rounds))),
  );
}

main().catch((error: unknown) => report(error, USAGE));
