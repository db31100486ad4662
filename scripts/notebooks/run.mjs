/** Runs notebooks through nbclient in the project's Python environment. */
import { spawn, spawnSync } from 'node:child_process';
import fs from 'node:fs';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import { projectAt } from '../setup/project.mjs';
import { drawFormulas } from './formulas.mjs';

const { root, python } = projectAt();
const require = createRequire(import.meta.url);
/** Rules of CSS for JupyterLab, whose classes exported pages have, too. */
const STYLE = fileURLToPath(new URL('../jupyter/custom/custom.css', import.meta.url));
/** Templates of pages. */
const TEMPLATES = fileURLToPath(new URL('template', import.meta.url));

/**
 * Executes a notebook and writes it with its outputs to `target`. Interrupting this process interrupts the
 * kernel.
 * @param {string} source
 * @param {string} target
 * @param {{ flags?: string[], profile?: string }} [options] profile: LB_PROFILE; left out: as the environment
 * has it
 * @returns {Promise<number>} exit status: 0, 1 after an error, 130 after an interrupt
 */
export function executeNotebook(source, target, { flags = [], profile } = {}) {
  const script = fileURLToPath(new URL('execute.py', import.meta.url));
  const env = {
    ...process.env,
    ...(profile === undefined ? {} : { LB_PROFILE: profile }),
    PYTHONUNBUFFERED: '1',
  };
  const child = spawn(python, ['-W', 'ignore', script, source, target, ...flags], {
    cwd: root,
    env,
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  const ignore = () => {}; // the terminal sends Ctrl-C to the child as well; its end is awaited
  process.on('SIGINT', ignore);
  return new Promise((resolve) => {
    child.on('close', (code) => {
      process.off('SIGINT', ignore);
      resolve(code ?? 1);
    });
  });
}

/**
 * Writes an executed notebook as a page that needs nothing else: its figures can be hovered, dragged and
 * played. @param {string} notebook @returns {string | undefined} its path; undefined where it failed
 */
export function exportHtml(notebook) {
  const template = ['--template', 'lookbehind', `--TemplateExporter.extra_template_basedirs=${TEMPLATES}`];
  const { status, stderr } = spawnSync(
    python,
    [
      '-W',
      'ignore',
      '-m',
      'jupyter',
      'nbconvert',
      '--to',
      'html',
      '--log-level',
      'ERROR',
      ...template,
      notebook,
    ],
    { cwd: root, encoding: 'utf8' },
  );
  if (status !== 0) {
    console.error(`The HTML could not be written: ${stderr.trim().split('\n').at(-1)}`);
    return undefined;
  }
  const page = notebook.replace(/\.ipynb$/, '.html');
  const drawing = fs.readFileSync(require.resolve('plotly.js/dist/plotly.min.js'), 'utf8');
  const { DARK_PAGE } = require('../../lib/dist/figures/theme.js'); // of the library, which is built by now
  const html = drawFormulas(fs.readFileSync(page, 'utf8'))
    .replace('<!-- style -->', () => fs.readFileSync(STYLE, 'utf8') + DARK_PAGE)
    .replace('<!-- plotly.js -->', () =>
      drawing.replace(/<\/(script)/gi, '<\\/$1').replace(/<!--/g, '<\\!--'),
    );
  fs.writeFileSync(page, html);
  return page;
}
