/** The accuracy matrix of lifelong learning: each task's accuracy after each task was learned. */
import type { FigureOptions } from './compose';
import type { Figure, Numbers } from './figure';
import { heatmap } from './heatmap';
import { COLORS } from './theme';

/** Options of `accuracyMatrix`. */
export interface AccuracyMatrixOptions extends FigureOptions {
  /**
   * `accuracy[i][j]`: accuracy in percent on task j after learning task i; NaN if it is not measured (yet).
   */
  accuracy: readonly Numbers[];
  /** Names of the tasks. Default: 1, 2, 3 ... */
  tasks?: readonly string[];
}

/**
 * Accuracy on each task (columns) after each task (rows), with a line between tasks already learned (below)
 * and yet to come. What is not known yet stays empty, so that the matrix can fill live.
 */
export function accuracyMatrix(options: AccuracyMatrixOptions): Figure {
  const { accuracy, tasks = accuracy.map((_, i) => String(i + 1)) } = options;
  const figure = heatmap({
    title: 'Accuracy on each task after each task',
    subtitle: 'Below the line: tasks learned so far; above it: tasks yet to come',
    height: Math.max(320, 160 + accuracy.length * 44),
    ...options,
    columns: tasks,
    rows: tasks,
    values: accuracy,
    x: 'Task tested',
    y: 'Tasks learned up to',
    z: 'Accuracy (%)',
    range: [0, 100],
    missing: '',
    digits: 0,
  });
  const border = { type: 'path', path: staircase(tasks.length), line: { color: COLORS.ink, width: 2 } };
  return { ...figure, layout: { ...figure.layout, shapes: [border] } };
}

/** Along the right of the diagonal's cells, which are 1 wide and centered on whole numbers. */
function staircase(count: number): string {
  const steps = Array.from({ length: count - 1 }, (_, i) => `V${i + 0.5}H${i + 1.5}`);
  return `M0.5,-0.5${steps.join('')}`;
}
