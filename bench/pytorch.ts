/**
 * One Lookbehind-SAM outer step here and in PyTorch, round by round in turn, on the same machine.
 *
 *   npm run -s bench:pytorch -- --official /path/to/lookbehind.py --model convnet
 *
 * lookbehind.py is that of https://github.com/chandar-lab/Lookbehind-SAM. Unless --python is given, a virtual
 * environment with PyTorch is made in bench/.venv at the first call.
 */
import { existsSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { oneOf, report, SETTING_OPTIONS, SETTING_USAGE, setThreads, UsageError } from './settings';
import { compareSteps, pythonWith } from './stepServer';

const USAGE = `Usage: npm run -s bench:pytorch -- --official PATH [options]
  --official P   the official lookbehind.py
  --model NAME   mlp, convnet, resnet20 or resnet34 (default: all but resnet34, one line each)
  --python P     a Python with PyTorch (default: bench/.venv, made on first use)
${SETTING_USAGE}`;

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      official: { type: 'string' },
      model: { type: 'string' },
      python: { type: 'string' },
      ...SETTING_OPTIONS,
    },
  });
  if (values.help) {
    console.log(USAGE);
    return;
  }
  if (values.official === undefined || !existsSync(values.official)) {
    throw new UsageError('--official must be the path of the official lookbehind.py.');
  }
  setThreads(values.threads);
  const { MODEL_NAMES } = await import('./measure.js');
  const models =
    values.model === undefined ? ['mlp', 'convnet', 'resnet20'] : [oneOf('model', values.model, MODEL_NAMES)];
  const others = {
    python: values.python ?? pythonWith('torch', 'numpy'),
    script: 'pytorch.py',
    programs: ['official', 'optimized'],
    options: ['--official', values.official],
  };
  for (const model of models) await compareSteps(model, values, others);
}

main().catch((error: unknown) => report(error, USAGE));
