/**
 * Stage "Ray": the cluster engine of `--engine ray`, into the project's Python environment. Only where it was
 * asked for: it takes 300 MB.
 */
import { fileURLToPath } from 'node:url';
import { pipInstall } from './pip.mjs';
import { SetupError } from './report.mjs';
import { checkDisk } from './requirements.mjs';
import { RAY } from './versions.mjs';
import { damagedFiles, installedWheels } from './wheels.mjs';

/** The versions of JupyterLab's packages hold for those that Ray shares with it. */
const CONSTRAINTS = ['constraints.txt', 'constraints-ray.txt'].map((name) =>
  fileURLToPath(new URL(name, import.meta.url)),
);

/** @type {import('./stages.mjs').Stage} */
export const ray = {
  name: 'Ray',
  after: ['JupyterLab'], // two pips must not work in one environment at once

  isCurrent({ project, options }) {
    return !options.ray || isComplete(project);
  },

  async run(context) {
    const { project, options } = context;
    if (!options.ray) return 'not asked for'; // a forced set-up runs every stage
    checkDisk(project.root, 0.5, 'Installing Ray');
    const broken = rayWheels(project).some(
      ({ folder }) => damagedFiles(project.sitePackages() ?? '', folder).length > 0,
    );
    const constraints = CONSTRAINTS.flatMap((file) => ['--constraint', file]);
    if (broken) await pipInstall(context, RAY, ['--ignore-installed', '--no-deps', RAY]);
    await pipInstall(context, RAY, ['--only-binary=:all:', ...constraints, RAY]);
    if (!isComplete(project)) {
      throw new SetupError(
        'Ray was installed, but is not complete.',
        'delete the folder .venv and run the set-up again.',
      );
    }
  },
};

/** @param {import('./project.mjs').Project} project */
function isComplete(project) {
  const sitePackages = project.sitePackages() ?? '';
  return rayWheels(project).some(
    ({ version, folder }) => `ray==${version}` === RAY && damagedFiles(sitePackages, folder).length === 0,
  );
}

/** @param {import('./project.mjs').Project} project */
function rayWheels(project) {
  return installedWheels(project.sitePackages() ?? '').filter(({ name }) => name === 'ray');
}
