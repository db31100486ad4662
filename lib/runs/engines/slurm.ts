/**
 * A sweep as a SLURM job array: one element per run, each a process of its own on whatever machine SLURM
 * picks.
 *
 *     sbatch <store>/slurm/<job>/array.sh
 *     element i:  sweep --config configs.json --only i --engine inProcess --store <store>
 *
 * The elements share the store, and so the locks: a sweep that is submitted twice does each run once. An
 * element that is to be stopped at its time limit gets SIGINT two minutes before, saves, and goes on where it
 * was when the same sweep is submitted again.
 *
 * https://slurm.schedmd.com/job_array.html
 */

import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { checkText, LookbehindError, OptionError } from '../../core/errors';
import { shellWord } from '../../core/escape';
import { canonicalJson, checkOptions, listOf, type OptionsOf, text, whole } from '../../core/options';
import { writeFileAtomic } from '../../files/atomicFile';
import { configHash, type FullRunConfig } from '../config/config';
import type { RunStore } from '../store';

const OPTIONS = {
  /** Processors, and threads. A whole number, at least 1. Default 1. */
  cpus: whole({ min: 1 }, 1),
  /** GPUs. A whole number, at least 0: SLURM shares none out in parts. Default 0. */
  gpus: whole({ min: 0 }, 0),
  /** Elements that run at a time. A whole number, at least 1. Default: as many as there is room for. */
  workers: whole({ min: 1 }),
  /** Further options of `sbatch`, such as `--partition=gpu --time=12:00:00`. Default none. */
  sbatch: listOf(text(), []),
};

/** What each element of a job array asks for. */
export type SlurmOptions = OptionsOf<typeof OPTIONS>;

/** A job array that was written, and submitted where there is SLURM. */
export interface SlurmJob {
  /** The script. */
  script: string;
  /** Number of elements: the runs that are not done. */
  runs: number;
  /** The number of the job; undefined where it was not submitted. */
  job: string | undefined;
}

/** `sbatch` refused a job. */
export class SlurmError extends LookbehindError {}

/** Most elements of an array, as SLURM is set up by default. */
const MOST = 1000;
const CLI = join(__dirname, '..', '..', 'cli', 'sweep.js');

/**
 * Writes the job array of all `configs` that are not done in `store`, and submits it. Without SLURM's
 * `sbatch` on this machine the script is written only.
 *
 * @throws OptionError; SlurmError where `sbatch` refuses the script.
 */
export function submitToSlurm(
  configs: readonly FullRunConfig[],
  store: RunStore,
  options: SlurmOptions = {},
): SlurmJob {
  const { cpus, gpus, workers, sbatch } = checkOptions('submitToSlurm', OPTIONS, options);
  for (const one of sbatch) checkLine('sbatch', one);
  checkLine('store', store.folder);
  const open = [...new Map(configs.map((config) => [configHash(config), config])).entries()].filter(
    ([hash]) => store.readResult(hash) === undefined,
  );
  if (open.length > MOST)
    throw new OptionError(
      'configs',
      open.length,
      `at most ${MOST} runs in one job array`,
      'Submit the sweep in parts.',
    );
  const content = canonicalJson(open.map(([, config]) => config));
  const name = createHash('sha256').update(content).digest('hex').slice(0, 12);
  const folder = join(store.folder, 'slurm', name);
  const script = join(folder, 'array.sh');
  if (open.length === 0) return { script, runs: 0, job: undefined };
  mkdirSync(folder, { recursive: true });
  writeFileAtomic(join(folder, 'configs.json'), content);
  writeFileAtomic(script, arrayScript(folder, store.folder, open.length, { cpus, gpus, workers, sbatch }));
  return { script, runs: open.length, job: submit(script) };
}

/**
 * An option of `sbatch` is one line of the script: what follows a line end would be run. And a path with a
 * backslash has no `%a` for SLURM, so that all elements would write to one file.
 */
function checkLine(option: string, value: unknown): void {
  const text = checkText(option, value);
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
  if (/[\u0000-\u001f\u007f]/.test(text))
    throw new OptionError(option, text, 'a text without line ends and control characters');
  if (option === 'store' && text.includes('\\'))
    throw new OptionError(option, text, 'a folder without a backslash in its path');
}

/** The text of the script. */
function arrayScript(
  folder: string,
  store: string,
  runs: number,
  { cpus, gpus, workers, sbatch }: Required<Omit<SlurmOptions, 'workers'>> & Pick<SlurmOptions, 'workers'>,
): string {
  const wanted = [
    '--job-name=lookbehind',
    `--array=0-${runs - 1}${workers === undefined ? '' : `%${workers}`}`,
    `--cpus-per-task=${cpus}`,
    ...(gpus > 0 ? [`--gpus-per-task=${gpus}`, '--ntasks=1'] : []),
    `--output=${shellWord(join(folder.replaceAll('%', '%%'), '%a.log'))}`,
    '--open-mode=append',
    '--requeue',
    '--signal=B:INT@120',
    ...sbatch,
  ];
  const configs = shellWord(join(folder, 'configs.json'));
  return `#!/bin/bash
${wanted.map((option) => `#SBATCH ${option}`).join('\n')}

export TF_NUM_INTRAOP_THREADS=${cpus} TF_NUM_INTEROP_THREADS=1
exec ${shellWord(process.execPath)} ${shellWord(CLI)} --config ${configs} --only "$SLURM_ARRAY_TASK_ID" \\
  --engine inProcess --store ${shellWord(store)}
`;
}

function submit(script: string): string | undefined {
  const { status, stdout, stderr, error } = spawnSync('sbatch', ['--parsable', script], { encoding: 'utf8' });
  if ((error as NodeJS.ErrnoException | undefined)?.code === 'ENOENT') return undefined;
  if (status !== 0)
    throw new SlurmError(`sbatch refused ${script}: ${(stderr || error?.message || '').trim()}`);
  return stdout.trim().split(';')[0];
}
