/** The accuracy matrix of lifelong learning: each task's accuracy after each task was learned. */
import type { FigureOptions } from './compose';
import type { Figure, Numbers } from './figure';
import { heatmap } from './heatmap';

/** Options of `accuracyMatrix`. */
export interface AccuracyMatrixOptions extends FigureOptions {
  /** `accuracy[i][j]`: accuracy in per cent on task j after learning task i; NaN where it is not measured (yet). */
  accuracy: readonly Numbers[];
  /** Names of the tasks. Default: 1, 2, 3 ... */
  tasks?: readonly string[];
}

/** Accuracy on each task (columns) after each task (rows); what is not known yet stays empty, so that the matrix can fill live. */
export function accuracyMatrix(options: AccuracyMatrixOptions): Figure {
  const { accuracy, tasks = accuracy.map((_, i) => String(i + 1)) } = options;
  return heatmap({
    title: 'Accuracy on each task after each task',
    height: Math.max(300, 140 + accuracy.length * 44),
    ...options,
    columns: tasks,
    rows: tasks,
    values: accuracy,
    x: 'Task tested',
    y: 'Tasks learned up to',
    z: 'Accuracy (%)',
    range: [0, 100],
    missing: '',
  });
}
