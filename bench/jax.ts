/**
 * One Lookbehind-SAM outer step here and as one jitted JAX function with k + 1 gradients, round by round in
 * turn, on the same machine.
 *
 *   npm run -s bench:jax -- --model convnet
 *
 * Unless --python is given, a virtual environment with JAX (for the CPU) is made in bench/.venv at the first
 * call.
 */
import { parseArgs } from 'node:util';
import { oneOf, report, SETTING_OPTIONS, SETTING_USAGE, setThreads, UsageError } from './settings';
import { compareSteps, pythonWith } from './stepServer';

const MODELS = ['mlp', 'convnet', 'resnet20'];

const USAGE = `Usage: npm run -s bench:jax -- [options]
  --model NAME   mlp, convnet or resnet20 (default: all, one line each)
  --python P     a Python with JAX (default: bench/.venv, made on first use)
${SETTING_USAGE}`;

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: { model: { type: 'string' }, python: { type: 'string' }, ...SETTING_OPTIONS },
  });
  if (values.help) {
    console.log(USAGE);
    return;
  }
  if (values.alpha === 'adaptive')
    throw new UsageError('--alpha adaptive is not written in the JAX program; give a number.');
  setThreads(values.threads);
  const models = values.model === undefined ? MODELS : [oneOf('model', values.model, MODELS)];
  const others = {
    python: values.python ?? pythonWith('jax', 'numpy'),
    script: 'jax_steps.py',
    programs: ['jitted'],
  };
  for (const model of models) await compareSteps(model, values, others);
}

main().catch((error: unknown) => report(error, USAGE));
